"""Values that their own libraries save: one module a family of formats, ``parts`` for their use."""
