"""`lava-dt bench conversion`: the accuracy of networks trained by lava-dl and converted to coarser steps."""
