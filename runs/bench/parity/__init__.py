"""`lava-dt bench parity`: trained networks against their Lava processes, spike by spike, on recordings."""
