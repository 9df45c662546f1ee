/* Backward pass of a clocked layer; contract and equations in __init__.py, sums over pairs in reference.py.
 *
 * 1. sweep: for each neuron of a sample backwards through the steps, dL/dU and S = keep S + gain dL/dU; both are written
 *    down for every step, (samples, rows, n_post) with rows = n_steps + 2, of which the last two are 0: inputs that come
 *    too late find them there.
 * 2. sum_by_input: dL/dw = sum f S over the events of an input.
 *    sum_by_event: dL/dt = sum_j w_j (f S_j / tau_syn - edge dL/dU_j).
 *
 * Threads. No two write to one place and every sum has one order, so repeated runs have equal bits, and so has any
 * division of the batch into tiles. sweep: one a neuron of a sample. sum_by_input: one an input and neuron, of one split
 * of the batch. sum_by_event: one an event and COLUMNS neurons. lateness: one an event. Neurons are the last axis: the
 * 32 threads of a warp read and write neighbours. Any size: grids stride over what lies beyond. What a spike does is
 * computed in double, the sums in REAL, float or double, the type of the arrays.
 */

constexpr long long COLUMNS = 32;

/* f = exp((t - k dt)/tau_syn) of an input of step k. */
extern "C" __global__ void lateness(const REAL* __restrict__ times, const int* __restrict__ steps,
                                    REAL* __restrict__ factors, double dt, double tau_syn, long long n)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long event = (long long)blockIdx.x * blockDim.x + threadIdx.x; event < n; event += stride) {
        const double late = (double)times[event] - steps[event] * dt;
        factors[event] = (REAL)exp((late > 0 ? late : 0) / tau_syn);
    }
}

/* Samples first_sample:end_sample. Spikes of cell c, a neuron of a sample, are order[starts[c]:starts[c + 1]]. */
extern "C" __global__ void sweep(const long long* __restrict__ starts, const long long* __restrict__ order,
                                 const int* __restrict__ steps, const REAL* __restrict__ slopes,
                                 const REAL* __restrict__ drops, const REAL* __restrict__ errors, int hard,
                                 double tau_mem, double clamp, REAL keep_u, REAL keep, REAL gain,
                                 REAL* __restrict__ sums, REAL* __restrict__ by_potential, /* or null */
                                 long long first_sample, long long end_sample, long long n_post, long long n_steps)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    const long long cells = (end_sample - first_sample) * n_post, rows = n_steps + 2;
    for (long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x; index < cells; index += stride) {
        const long long cell = first_sample * n_post + index, first = starts[cell];
        long long place = starts[cell + 1] - 1;
        long long at = (index / n_post * rows + n_steps + 1) * n_post + index % n_post;
        REAL by_u = 0, sum = 0;
        double handed = 0; /* dL/dt of a spike that moves as this neuron's spike of the step before */
        for (long long k = n_steps + 1; k >= 0; --k, at -= n_post) {
            by_u = keep_u * by_u;
            if (place >= first && steps[order[place]] == k) {
                const long long s = order[place--];
                const double after = by_u, slope = slopes[s];
                const double later = (double)drops[s] / tau_mem + (hard ? slope : 0);
                const double by_time = (double)errors[s] + handed - after * later;
                const double through = hard ? 0 : after;
                if (slope == 0) {
                    handed = by_time;
                    by_u = (REAL)through;
                } else {
                    handed = 0;
                    by_u = (REAL)(through - by_time * (1 / slope < clamp ? 1 / slope : clamp));
                }
            }
            sum = keep * sum + gain * by_u;
            sums[at] = sum;
            if (by_potential)
                by_potential[at] = by_u;
        }
    }
}

/* Events of key k, an input of a split: order[starts[k]:starts[k + 1]]; rows: that of each event in sums. */
extern "C" __global__ void sum_by_input(const REAL* __restrict__ sums, const long long* __restrict__ rows,
                                        const REAL* __restrict__ factors, /* or null */
                                        const long long* __restrict__ starts, const long long* __restrict__ order,
                                        REAL* __restrict__ gradient, long long keys, long long n_post)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < keys * n_post; i += stride) {
        const long long key = i / n_post, neuron = i % n_post, end = starts[key + 1];
        REAL total = gradient[i]; /* of the tiles before */
        for (long long place = starts[key]; place < end; ++place) {
            const long long event = order[place];
            const REAL sum = sums[rows[event] * n_post + neuron];
            total += factors ? factors[event] * sum : sum;
        }
        gradient[i] = total;
    }
}

/* Row of partial: an event; its columns: the sums over COLUMNS neurons each. */
extern "C" __global__ void sum_by_event(const REAL* __restrict__ sums, const REAL* __restrict__ by_potential,
                                        const long long* __restrict__ rows,
                                        const REAL* __restrict__ factors, /* or null */
                                        const int* __restrict__ neurons, const REAL* __restrict__ weights, REAL rate,
                                        REAL edge, REAL* __restrict__ partial, long long events, long long n_post)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    const long long blocks = (n_post + COLUMNS - 1) / COLUMNS;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < events * blocks; i += stride) {
        const long long event = i / blocks, first = i % blocks * COLUMNS;
        const long long end = first + COLUMNS < n_post ? first + COLUMNS : n_post;
        const REAL* const weight = weights + (long long)neurons[event] * n_post;
        const REAL current = factors ? factors[event] * rate : rate;
        REAL total = 0;
        for (long long neuron = first; neuron < end; ++neuron) {
            const long long at = rows[event] * n_post + neuron;
            total += weight[neuron] * (current * sums[at] - edge * by_potential[at]);
        }
        partial[i] = total;
    }
}
