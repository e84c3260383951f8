"""What is known of the models that travel: the model card."""
