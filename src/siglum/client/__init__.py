"""What a training script touches: fluent API, clients, REST, capture at the start of a run."""
