"""Running services, clean environments, and the proof."""

# How the kernel's side of nb2service answers: one JSON document in a display message.
MIME = "application/vnd.nb2service+json"
