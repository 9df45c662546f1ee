/* CuBa neurons over the whole time axis in one pass, and the adjoint with SLAYER's surrogate; see reference.py.
 *
 *     u[t] = kept(u[t-1], a) + trunc(scale drive[t])             kept(y, d) = toward_zero((4096 - d) y / 4096) [A10]
 *     v[t] = kept(v[t-1], b) + u[t] as float32                   written before the reset                     [A11]
 *     fired[t] = v[t] > threshold;  where it fired v <- 0 or v <- v - threshold                               [A12, A13]
 *     spikes[t + hop] = fired[t]; the first hop of them are the last call's tail, what is beyond the end is the next tail
 *
 *     gv[t] = grad_spikes[t + hop] rho(v[t]) + (1 - b/4096) gv[t+1]                                           [A6]
 *     grad_drive[t] = gu[t] = gv[t] + (1 - a/4096) gu[t+1]
 *     rho(v) = amplitude exp(-|v/scale - theta| / width)
 *
 * Threads. One a row, that is a neuron of a sample, which walks the time axis alone: row i is neuron i % n of sample
 * i / n. Memory is (batch, time, neuron), so that the 32 threads of a warp read and write neighbours at every step.
 * The recurrence is a chain, its inputs are not: AHEAD of them are loaded before the first is used, which hides the
 * latency of the memory. Any size: the grid strides over rows it has no thread for. A parameter has one value or n.
 *
 * Arithmetic. Integers are 64 bit; kept() splits its product, which is exact up to 2^63. Forward has the CPU's bits.
 * Backward is float32: the recurrences are not contracted (--fmad=false), exp is the accurate one (2 units in the last
 * place by CUDA's manual), and no sum depends on the order of threads, so that repeated runs have equal bits.
 */

constexpr int AHEAD = 8;

__device__ long long kept(long long value, long long keep)
{
    const long long size = value < 0 ? -value : value;
    const long long left = (size >> 12) * keep + (((size & 4095) * keep) >> 12);
    return value < 0 ? -left : left;
}

extern "C" __global__ void forward(const float* __restrict__ drive, const long long* __restrict__ current_decay,
                                   const long long* __restrict__ voltage_decay, const long long* __restrict__ threshold,
                                   long long current_decays, long long voltage_decays, long long thresholds,
                                   float scale, int soft_reset, const long long* __restrict__ current,
                                   const long long* __restrict__ voltage, const float* __restrict__ tail,
                                   float* __restrict__ spikes, long long* __restrict__ last_current,
                                   long long* __restrict__ last_voltage, float* __restrict__ last_tail,
                                   float* __restrict__ saved, /* voltages before the reset, or null */
                                   long long batch, long long steps, long long n, long long hop)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x; row < batch * n; row += stride) {
        const long long sample = row / n, neuron = row % n;
        const long long keep_current = 4096 - current_decay[neuron % current_decays];
        const long long keep_voltage = 4096 - voltage_decay[neuron % voltage_decays];
        const long long level = threshold[neuron % thresholds];
        const long long start = sample * steps * n + neuron;      /* of (batch, steps, n) */
        const long long start_tail = sample * hop * n + neuron;   /* of (batch, hop, n) */

        for (long long t = 0; t < hop; ++t) {
            const float arriving = tail[start_tail + t * n];
            if (t < steps)
                spikes[start + t * n] = arriving;
            else
                last_tail[start_tail + (t - steps) * n] = arriving;
        }
        long long u = current[row], v = voltage[row];
        for (long long first = 0; first < steps; first += AHEAD) {
            float ahead[AHEAD];
#pragma unroll
            for (int k = 0; k < AHEAD; ++k)
                ahead[k] = first + k < steps ? drive[start + (first + k) * n] : 0.0f;
#pragma unroll
            for (int k = 0; k < AHEAD; ++k) {
                const long long t = first + k;
                if (t < steps) {
                    u = kept(u, keep_current) + (long long)(scale * ahead[k]);
                    v = kept(v, keep_voltage) + (long long)(float)u;
                    if (saved)
                        saved[start + t * n] = (float)v;
                    const bool fired = v > level;
                    if (fired)
                        v = soft_reset ? v - level : 0;
                    const long long arrival = t + hop;
                    if (arrival < steps)
                        spikes[start + arrival * n] = fired;
                    else
                        last_tail[start_tail + (arrival - steps) * n] = fired;
                }
            }
        }
        last_current[row] = u;
        last_voltage[row] = v;
    }
}

extern "C" __global__ void backward(const float* __restrict__ grad_spikes, const float* __restrict__ voltage,
                                    const float* __restrict__ keep_current, const float* __restrict__ keep_voltage,
                                    const float* __restrict__ theta, const float* __restrict__ width,
                                    const float* __restrict__ amplitude, long long keeps_current,
                                    long long keeps_voltage, long long thetas, long long widths, float unit,
                                    float* __restrict__ grad_drive, long long batch, long long steps, long long n,
                                    long long hop)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x; row < batch * n; row += stride) {
        const long long neuron = row % n;
        const float keep_u = keep_current[neuron % keeps_current];
        const float keep_v = keep_voltage[neuron % keeps_voltage];
        const float centre = theta[neuron % thetas];
        const float tau = width[neuron % widths];
        const float height = amplitude[neuron % widths];
        const long long start = row / n * steps * n + neuron;
        float gu = 0, gv = 0;
        for (long long last = steps - 1; last >= 0; last -= AHEAD) {
            float grad[AHEAD], v[AHEAD];
#pragma unroll
            for (int k = 0; k < AHEAD; ++k) {
                const long long t = last - k;
                grad[k] = t >= 0 && t + hop < steps ? grad_spikes[start + (t + hop) * n] : 0.0f;
                v[k] = t >= 0 ? voltage[start + t * n] : 0.0f;
            }
#pragma unroll
            for (int k = 0; k < AHEAD; ++k) {
                if (last - k >= 0) {
                    const float rho = height * expf(-fabsf(v[k] * unit - centre) / tau);
                    gv = keep_v * gv + grad[k] * rho;
                    gu = keep_u * gu + gv;
                    grad_drive[start + (last - k) * n] = gu;
                }
            }
        }
    }
}
