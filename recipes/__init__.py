"""How the bundled models are made, from data that package registries carry."""
