"""OFA visual entailment as plain PyTorch modules: one image and one text in, three probabilities out."""
