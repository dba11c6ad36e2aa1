"""How the bundled reranker is made: vocabulary, features, training, evaluation, packaging."""
