"""Teach a visual-entailment model your own pictures: LoRA fine-tuning, evaluation, mining, merging, export."""
