/* Forward pass of a clocked layer; contract in __init__.py, plain loops in reference.py.
 *
 * One step, with the coefficients of bats_dt.clocked_neuron and x the sum of the weights of the step's inputs:
 *
 *     i' = keep_i i + x_to_i x,   u' = keep_u u + i_to_u i + x_to_u x,   a spike if u' >= theta
 *
 * Threads. simulate: one a neuron of a sample, through all steps and inputs; the 32 threads of a warp read neighbours in
 * a row of the weights, and write neighbours in the arrays (batch, n_steps, n_post). arrive: one an input. Any size:
 * grids stride over what lies beyond. State in REAL, float or double, the type of the arrays; a spike's slope in double.
 */

/* The step that takes each input: floor(t/dt), or the grid point that t is within rounding of; at most n_steps. */
extern "C" __global__ void arrive(const REAL* __restrict__ times, int* __restrict__ steps, double dt, double slack,
                                  int n_steps, long long n)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long event = (long long)blockIdx.x * blockDim.x + threadIdx.x; event < n; event += stride) {
        const double position = (double)times[event] / dt, nearest = rint(position);
        const bool on_grid = fabs(position - nearest) <= slack * (nearest > 1 ? nearest : 1);
        const double step = on_grid ? nearest : floor(position);
        steps[event] = step < n_steps ? (int)step : n_steps;
    }
}

/* slopes (batch, n_steps, n_post): -1 where there is no spike; drops and slots are written where there is one. lost of
 * max_spikes, bounded and diverged (1 or 0): (batch, n_post). currents, potentials: null, or every i and u. */
extern "C" __global__ void simulate(const long long* __restrict__ offsets, const int* __restrict__ in_steps,
                                    const int* __restrict__ in_neurons, const REAL* __restrict__ weights, REAL keep_i,
                                    REAL keep_u, REAL x_to_i, REAL i_to_u, REAL x_to_u, REAL u_lost, REAL theta,
                                    double threshold, double v_reset, double dt, double clamp, int hard, int max_spikes,
                                    REAL* __restrict__ slopes, REAL* __restrict__ drops, int* __restrict__ slots,
                                    int* __restrict__ lost, int* __restrict__ bounded, int* __restrict__ diverged,
                                    REAL* __restrict__ currents, REAL* __restrict__ potentials, /* or null */
                                    long long cells, long long n_post, long long n_steps)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long cell = (long long)blockIdx.x * blockDim.x + threadIdx.x; cell < cells; cell += stride) {
        const long long sample = cell / n_post, neuron = cell % n_post, end = offsets[sample + 1];
        long long event = offsets[sample];
        REAL i = 0, u = 0;
        int spikes = 0, clamped = 0, wrong = 0;
        for (long long k = 0; k < n_steps; ++k) {
            REAL x = 0;
            for (; event < end && in_steps[event] == k; ++event)
                x += weights[in_neurons[event] * n_post + neuron];
            const REAL before = u, rise = i_to_u * i + x_to_u * x;
            u = keep_u * before + rise;
            i = keep_i * i + x_to_i * x;
            const long long place = (sample * n_steps + k) * n_post + neuron;
            if (currents) {
                currents[place] = i;
                potentials[place] = u;
            }
            if (!(u - u == 0)) { /* inf or no number */
                wrong = 1;
                u = theta;
            }
            if (u < theta)
                continue;
            /* a crossing rises, by however little of it rounding leaves: 0 says that there is none */
            const double slope = before < theta ? fmax(((double)rise - (double)(u_lost * before)) / dt, 1e-30) : 0;
            clamped += slope > 0 && slope * clamp < 1;
            const REAL drop = (REAL)(hard ? (double)u - v_reset : threshold - v_reset);
            slopes[place] = (REAL)slope;
            drops[place] = drop;
            slots[place] = spikes++;
            u = hard ? (REAL)v_reset : u - drop;
        }
        lost[cell] = spikes > max_spikes ? spikes - max_spikes : 0;
        bounded[cell] = clamped;
        diverged[cell] = wrong;
    }
}
