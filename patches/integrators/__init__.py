"""What patches of lava-dl's leaky integrator compute, in torch; `import patches` does not import it."""
