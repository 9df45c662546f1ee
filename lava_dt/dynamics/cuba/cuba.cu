/* CuBa neurons over the whole time axis in one pass, and the adjoint with SLAYER's surrogate; see reference.py.
 *
 *     u[t] = kept(u[t-1], a) + trunc(scale drive[t])             kept(y, d) = toward_zero((4096 - d) y / 4096) [A10]
 *     v[t] = kept(v[t-1], b) + u[t] as float32                   written before the reset                     [A11]
 *     fired[t] = v[t] > threshold;  where it fired v <- 0 or v <- v - threshold                               [A12, A13]
 *     spikes[t + hop] = fired[t]; the first hop of them are the last call's tail, what is beyond the end is the next tail
 *
 *     gv[t] = grad_spikes[t + hop] rho(v[t]) + (1 - b/4096) gv[t+1]                                           [A6]
 *     grad_drive[t] = gu[t] = gv[t] + (1 - a/4096) gu[t+1]
 *     rho(v) = surrogate_scale/(2 width) exp(-|v/scale - theta| / width),   theta = (threshold + 0.01)/scale
 *
 * Threads. One a row, that is a neuron of a sample, which walks the time axis alone: row i is neuron i % n of sample
 * i / n. Memory is (batch, time, neuron), so that the 32 threads of a warp read and write neighbours at every step.
 * The recurrence is a chain, its inputs are not: while AHEAD steps are computed the next AHEAD are being loaded, which
 * hides the latency of the memory where there are few rows. Any size: the grid strides over rows it has no thread for.
 * A parameter has one value or n.
 *
 * Arithmetic. Integers have 32 bit where the host knows that nothing leaves them, else 64; kept() splits its product,
 * which stays in their range. Forward has the CPU's bits. Backward is float32: the recurrences are not contracted
 * (--fmad=false), exp is the accurate one (2 units in the last place by CUDA's manual), and no sum depends on the order
 * of threads, so that repeated runs have equal bits.
 */

constexpr int AHEAD = 8;

template <typename Integer> __device__ Integer kept(Integer value, Integer keep)
{
    const Integer size = value < 0 ? -value : value;
    const Integer left = (size >> 12) * keep + (((size & 4095) * keep) >> 12);
    return value < 0 ? -left : left;
}

/* values[k] = signal[(first + k * by) * n], 0 where that step is not in [0, steps). */
__device__ __forceinline__ void fetch(float* values, const float* signal, long long first, int by, long long steps,
                                      long long n)
{
#pragma unroll
    for (int k = 0; k < AHEAD; ++k) {
        const long long t = first + k * by;
        values[k] = t >= 0 && t < steps ? signal[t * n] : 0.0f;
    }
}

template <typename Integer>
__device__ __forceinline__ void respond(const float* __restrict__ drive, const long long* __restrict__ current_decay,
                                        const long long* __restrict__ voltage_decay,
                                        const long long* __restrict__ threshold, long long current_decays,
                                        long long voltage_decays, long long thresholds, float scale, int soft_reset,
                                        const long long* __restrict__ current, const long long* __restrict__ voltage,
                                        const float* __restrict__ tail, float* __restrict__ spikes,
                                        long long* __restrict__ last_current, long long* __restrict__ last_voltage,
                                        float* __restrict__ last_tail,
                                        float* __restrict__ saved, /* voltages before the reset, or null */
                                        long long batch, long long steps, long long n, long long hop)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x; row < batch * n; row += stride) {
        const long long sample = row / n, neuron = row % n;
        const Integer keep_current = (Integer)(4096 - current_decay[neuron % current_decays]);
        const Integer keep_voltage = (Integer)(4096 - voltage_decay[neuron % voltage_decays]);
        const Integer level = (Integer)threshold[neuron % thresholds];
        const long long start = sample * steps * n + neuron;      /* of (batch, steps, n) */
        const long long start_tail = sample * hop * n + neuron;   /* of (batch, hop, n) */

        for (long long t = 0; t < hop; ++t) {
            const float arriving = tail[start_tail + t * n];
            if (t < steps)
                spikes[start + t * n] = arriving;
            else
                last_tail[start_tail + (t - steps) * n] = arriving;
        }
        Integer u = (Integer)current[row], v = (Integer)voltage[row];
        float next[AHEAD];
        fetch(next, drive + start, 0, 1, steps, n);
        for (long long first = 0; first < steps; first += AHEAD) {
            float now[AHEAD];
#pragma unroll
            for (int k = 0; k < AHEAD; ++k)
                now[k] = next[k];
            fetch(next, drive + start, first + AHEAD, 1, steps, n);
#pragma unroll
            for (int k = 0; k < AHEAD; ++k) {
                const long long t = first + k, arrival = t + hop;
                const bool is_step = t < steps; /* no branch around a step, so that the next can begin beside it */
                const Integer u_now = kept(u, keep_current) + (Integer)(scale * now[k]);
                const Integer v_now = kept(v, keep_voltage) + (Integer)(float)u_now;
                const bool fired = v_now > level;
                const Integer v_after = fired ? (soft_reset ? v_now - level : 0) : v_now;
                u = is_step ? u_now : u;
                v = is_step ? v_after : v;
                float* const arrives =
                    arrival < steps ? spikes + start + arrival * n : last_tail + start_tail + (arrival - steps) * n;
                if (is_step)
                    *arrives = fired;
                if (is_step && saved)
                    saved[start + t * n] = (float)v_now;
            }
        }
        last_current[row] = u;
        last_voltage[row] = v;
    }
}

extern "C" __global__ void forward_int32(const float* drive, const long long* current_decay,
                                         const long long* voltage_decay, const long long* threshold,
                                         long long current_decays, long long voltage_decays, long long thresholds,
                                         float scale, int soft_reset, const long long* current,
                                         const long long* voltage, const float* tail, float* spikes,
                                         long long* last_current, long long* last_voltage, float* last_tail,
                                         float* saved, long long batch, long long steps, long long n, long long hop)
{
    respond<int>(drive, current_decay, voltage_decay, threshold, current_decays, voltage_decays, thresholds, scale,
                 soft_reset, current, voltage, tail, spikes, last_current, last_voltage, last_tail, saved, batch, steps,
                 n, hop);
}

extern "C" __global__ void forward_int64(const float* drive, const long long* current_decay,
                                         const long long* voltage_decay, const long long* threshold,
                                         long long current_decays, long long voltage_decays, long long thresholds,
                                         float scale, int soft_reset, const long long* current,
                                         const long long* voltage, const float* tail, float* spikes,
                                         long long* last_current, long long* last_voltage, float* last_tail,
                                         float* saved, long long batch, long long steps, long long n, long long hop)
{
    respond<long long>(drive, current_decay, voltage_decay, threshold, current_decays, voltage_decays, thresholds,
                       scale, soft_reset, current, voltage, tail, spikes, last_current, last_voltage, last_tail, saved,
                       batch, steps, n, hop);
}

extern "C" __global__ void backward(const float* __restrict__ grad_spikes, const float* __restrict__ voltage,
                                    const long long* __restrict__ current_decay,
                                    const long long* __restrict__ voltage_decay,
                                    const long long* __restrict__ threshold, const double* __restrict__ width,
                                    long long current_decays, long long voltage_decays, long long thresholds,
                                    long long widths, double scale, double surrogate_scale,
                                    float* __restrict__ grad_drive, long long batch, long long steps, long long n,
                                    long long hop)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    const float unit = (float)(1 / scale);
    for (long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x; row < batch * n; row += stride) {
        const long long neuron = row % n;
        const float keep_u = (float)(4096 - current_decay[neuron % current_decays]) / 4096.0f;
        const float keep_v = (float)(4096 - voltage_decay[neuron % voltage_decays]) / 4096.0f;
        const float centre = (float)(((double)threshold[neuron % thresholds] + 0.01) / scale);
        const float rate = (float)(-1 / width[neuron % widths]);
        const float height = (float)(surrogate_scale / (2 * width[neuron % widths]));
        const long long start = row / n * steps * n + neuron;
        const float* const arrived = grad_spikes + start + hop * n;
        float gu = 0, gv = 0;
        float next_grad[AHEAD], next_v[AHEAD];
        fetch(next_grad, arrived, steps - 1, -1, steps - hop, n);
        fetch(next_v, voltage + start, steps - 1, -1, steps, n);
        for (long long last = steps - 1; last >= 0; last -= AHEAD) {
            float grad[AHEAD], v[AHEAD];
#pragma unroll
            for (int k = 0; k < AHEAD; ++k) {
                grad[k] = next_grad[k];
                v[k] = next_v[k];
            }
            fetch(next_grad, arrived, last - AHEAD, -1, steps - hop, n);
            fetch(next_v, voltage + start, last - AHEAD, -1, steps, n);
#pragma unroll
            for (int k = 0; k < AHEAD; ++k) /* all before the chain: side by side */
                grad[k] *= height * expf(fabsf(v[k] * unit - centre) * rate);
#pragma unroll
            for (int k = 0; k < AHEAD; ++k) {
                gv = keep_v * gv + grad[k];
                gu = keep_u * gu + gv;
                if (last - k >= 0)
                    grad_drive[start + (last - k) * n] = gu;
            }
        }
    }
}
