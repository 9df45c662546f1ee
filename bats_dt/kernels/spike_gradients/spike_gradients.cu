/* Backward pass of a dense layer; contract in __init__.py, plain loops in reference.py.
 *
 * Derivation. At the crossing t_k of spike k the potential keeps its value, so with V' its slope there, D = t_k - t_z
 * the delay to an input spike of weight w, t_k - r_i that to an earlier reset, and g the response of Neuron:
 *
 *     dt_k/dw   = -g(D) / V'              dt_k/dt_z = w g'(D) / V',   g'(D) = exp(-D/tau_mem) - g(D)/tau_syn
 *     dt_k/dr_i = (reset/tau_mem) exp(-(t_k - r_i)/tau_mem) / V'
 *
 * 1. carry: for each neuron from its last spike to its first e_i <- e_i + sum_{k>i} e_k dt_k/dr_i, a running sum that
 *    decays. A spike locked to its predecessor (inverse slope 0) hands its whole error to it.
 * 2. walk_back: with q_k = e_k / V', the sums P = sum_k q_k exp(-D/tau_mem) and Q = sum_k q_k g(D) of a neuron follow
 *    the walk back through the input spikes of its sample, over each gap between two of them
 *        Q <- exp(-gap/tau_syn) Q + g(gap) P,    P <- exp(-gap/tau_mem) P
 *    and at each input, for every neuron, Q and P - Q/tau_syn are written down.
 * 3. sum_by_input: dL/dw = -sum Q over the spikes of an input.  sum_by_event: dL/dt_z = sum_j w_j (P_j - Q_j/tau_syn).
 *
 * Threads. No two write to one place and every sum has one order, so repeated runs have equal bits, and so has any
 * division of the batch into tiles. carry and walk_back: one a neuron of a sample. sum_by_input: one an input and
 * neuron, of one split of the batch. decays: one an event. sum_by_event: one an event and COLUMNS neurons. Neurons are
 * the last axis: the 32 threads of a warp read and write neighbours. Any size: grids stride over what lies beyond.
 * Stage 1 is computed in double, the sums in REAL, float or double, the type of the arrays.
 */

constexpr long long COLUMNS = 32;

/* g(s) = exp(-s/tau_mem) (1 - exp(-delta s))/delta, delta = 1/tau_syn - 1/tau_mem; s exp(-s/tau_mem) for delta = 0. It
 * is symmetric in the time constants: with the slower one outside nothing overflows. */
__device__ double response(double since, double tau_syn, double tau_mem, double delta)
{
    const double slower = tau_mem > tau_syn ? tau_mem : tau_syn, rate = fabs(delta);
    const double decay = exp(-since / slower);
    return decay == 0 ? 0 : decay * (rate > 0 ? -expm1(-rate * since) / rate : since);
}

/* What a gap between an event and the next does: factors of P and of Q, and what Q gets from P, (n, 3). */
extern "C" __global__ void decays(const REAL* __restrict__ times, REAL* __restrict__ factors, double tau_syn,
                                  double tau_mem, double delta, long long n)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long event = (long long)blockIdx.x * blockDim.x + threadIdx.x; event < n; event += stride) {
        const double ahead = event + 1 < n ? (double)times[event + 1] - (double)times[event] : 0;
        const double gap = ahead > 0 ? ahead : 0; /* the next may be of another sample: then it is not read */
        factors[3 * event] = (REAL)exp(-gap / tau_mem);
        factors[3 * event + 1] = (REAL)exp(-gap / tau_syn);
        factors[3 * event + 2] = (REAL)response(gap, tau_syn, tau_mem, delta);
    }
}

/* Spikes of cell c, a neuron of a sample, are order[starts[c]:starts[c + 1]]; to_p, to_q, inputs are in that order. */
extern "C" __global__ void carry(const long long* __restrict__ starts, const long long* __restrict__ order,
                                 const REAL* __restrict__ times, const long long* __restrict__ last_input,
                                 const REAL* __restrict__ since_input, const REAL* __restrict__ inverse_slope,
                                 const REAL* __restrict__ errors, const REAL* __restrict__ in_times, double tau_syn,
                                 double tau_mem, double delta, double reset_over_tau, int on_grid,
                                 REAL* __restrict__ to_p, REAL* __restrict__ to_q, long long* __restrict__ inputs,
                                 long long cells)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long cell = (long long)blockIdx.x * blockDim.x + threadIdx.x; cell < cells; cell += stride) {
        double pulled = 0;    /* sum_k e_k / V', decayed to the time `reference` */
        double reference = 0;
        double handed = 0;    /* error of a locked successor */
        for (long long place = starts[cell + 1] - 1; place >= starts[cell]; --place) {
            const long long k = order[place];
            const double since = since_input[k], inverse = inverse_slope[k];
            const double crossing = (double)in_times[last_input[k]] + since;
            /* In continuous time the reset is at the crossing, of which the emitted time is a rounding. */
            const double reset = on_grid ? (double)times[k] : crossing;
            double error = (double)errors[k] + handed;
            handed = 0;
            if (pulled != 0) {
                pulled *= exp((reset - reference) / tau_mem);
                error += reset_over_tau * pulled;
                reference = reset;
            }
            if (inverse == 0) {
                handed = error;
                error = 0;
            } else if (error != 0) {
                if (pulled != 0)
                    pulled *= exp((crossing - reference) / tau_mem);
                pulled += error * inverse;
                reference = crossing;
            }
            inputs[place] = last_input[k];
            to_p[place] = (REAL)(error * inverse * exp(-since / tau_mem));
            to_q[place] = (REAL)(error * inverse * response(since, tau_syn, tau_mem, delta));
        }
    }
}

/* Samples first_sample:end_sample; rows of sums_q and sums_r are their events, columns the neurons. */
extern "C" __global__ void walk_back(const long long* __restrict__ offsets, const REAL* __restrict__ factors,
                                     const long long* __restrict__ starts, const long long* __restrict__ inputs,
                                     const REAL* __restrict__ to_p, const REAL* __restrict__ to_q, REAL rate_syn,
                                     REAL* __restrict__ sums_q, REAL* __restrict__ sums_r, /* or null */
                                     long long first_sample, long long end_sample, long long n_post)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    const long long cells = (end_sample - first_sample) * n_post;
    const long long first_event = offsets[first_sample];
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < cells; i += stride) {
        const long long sample = first_sample + i / n_post, neuron = i % n_post;
        const long long first = starts[sample * n_post + neuron];
        long long place = starts[sample * n_post + neuron + 1] - 1;
        long long next = place >= first ? inputs[place] : -1; /* the input to go back to for the next spike */
        REAL p = 0, q = 0;
        for (long long event = offsets[sample + 1] - 1; event >= offsets[sample]; --event) {
            q = factors[3 * event + 1] * q + factors[3 * event + 2] * p;
            p = factors[3 * event] * p;
            while (event == next) {
                p += to_p[place];
                q += to_q[place];
                --place;
                next = place >= first ? inputs[place] : -1;
            }
            const long long row = (event - first_event) * n_post + neuron;
            sums_q[row] = q;
            if (sums_r)
                sums_r[row] = p - q * rate_syn;
        }
    }
}

/* Events of key k, an input of a split: order[starts[k]:starts[k + 1]], rows of sums_q; gradient is (keys, n_post). */
extern "C" __global__ void sum_by_input(const REAL* __restrict__ sums_q, const long long* __restrict__ starts,
                                        const long long* __restrict__ order, REAL* __restrict__ gradient,
                                        long long keys, long long n_post)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < keys * n_post; i += stride) {
        const long long key = i / n_post, neuron = i % n_post;
        const long long first = starts[key], end = starts[key + 1];
        if (first == end)
            continue;
        REAL total = gradient[i]; /* of the tiles before */
        for (long long place = first; place < end; ++place)
            total -= sums_q[order[place] * n_post + neuron];
        gradient[i] = total;
    }
}

/* Row of partial: an event; its columns: the sums over COLUMNS neurons each. */
extern "C" __global__ void sum_by_event(const REAL* __restrict__ sums_r, const int* __restrict__ neurons,
                                        const REAL* __restrict__ weights, REAL* __restrict__ partial, long long events,
                                        long long n_post)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    const long long blocks = (n_post + COLUMNS - 1) / COLUMNS;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < events * blocks; i += stride) {
        const long long event = i / blocks, first = i % blocks * COLUMNS;
        const long long end = first + COLUMNS < n_post ? first + COLUMNS : n_post;
        const REAL* const row = weights + (long long)neurons[event] * n_post;
        REAL total = 0;
        for (long long neuron = first; neuron < end; ++neuron)
            total += row[neuron] * sums_r[event * n_post + neuron];
        partial[i] = total;
    }
}
