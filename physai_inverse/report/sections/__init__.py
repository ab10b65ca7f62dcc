"""The page from top to bottom: asked, found, believed, acting, next, and everything else."""
