/* The leaky integrator of Loihi's CuBa neuron and its adjoint on a GPU; see reference.py for the contract.
 *
 *     y[t] = toward_zero((4096 - decay) y[t-1] / 4096) + trunc(scale x[t])          [A10-A13]
 *     where y[t] > threshold > 0: y <- 0, or y <- y - threshold                     (after it was written)
 *     dE/dx[t] = dE/dy[t] + keep dE/dx[t+1],   keep = 1 - decay/4096                (the reset ignored)
 *
 * Threads. One a row, that is a neuron of a sample, which walks the time axis alone: row i is neuron i % n of sample
 * i / n, n = channels * rest. Memory is (batch, time, channel, rest), so that the 32 threads of a warp read and write
 * neighbours at every step. The recurrence is a chain, the inputs are not: AHEAD of them are loaded before the first
 * is used, which hides the latency of the memory. Any size: the grid strides over rows it has no thread for.
 *
 * Arithmetic. States are 64-bit integers, the output is rounded to float32 before the division, as in cpu.py. The
 * recurrences have the CPU's bits if products and sums are not contracted (--fmad=false) and division rounds
 * correctly (NVRTC's default), but for gradients in float32 below 1.2e-38, which are zero (CuPy's -ftz=true).
 */

constexpr int AHEAD = 8;

template <typename Real>
__device__ void integrate(const Real* __restrict__ x, const long long* __restrict__ decay,
                          const long long* __restrict__ state, Real scale, const long long* __restrict__ threshold,
                          int soft_reset, Real* __restrict__ y, long long batch, long long channels, long long rest,
                          long long steps, long long decays, long long thresholds)
{
    const long long n = channels * rest;
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x; row < batch * n; row += stride) {
        const long long channel = row % n / rest;
        const long long keep = 4096 - decay[channel % decays];
        const long long level = threshold[channel % thresholds];
        const long long start = row / n * steps * n + row % n;
        long long now = state[row];
        for (long long first = 0; first < steps; first += AHEAD) {
            Real ahead[AHEAD];
#pragma unroll
            for (int k = 0; k < AHEAD; ++k)
                ahead[k] = first + k < steps ? x[start + (first + k) * n] : Real(0);
#pragma unroll
            for (int k = 0; k < AHEAD; ++k) {
                if (first + k < steps) {
                    now = now * keep / 4096 + (long long)(scale * ahead[k]);
                    y[start + (first + k) * n] = (float)now / (float)scale;
                    if (level > 0 && now > level)
                        now = soft_reset ? now - level : 0;
                }
            }
        }
    }
}

template <typename Real>
__device__ void adjoin(const Real* __restrict__ grad_y, const Real* __restrict__ keep, Real* __restrict__ grad_x,
                       long long batch, long long channels, long long rest, long long steps, long long keeps)
{
    const long long n = channels * rest;
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x; row < batch * n; row += stride) {
        const Real factor = keep[row % n / rest % keeps];
        const long long start = row / n * steps * n + row % n;
        Real carried = 0;
        for (long long last = steps - 1; last >= 0; last -= AHEAD) {
            Real ahead[AHEAD];
#pragma unroll
            for (int k = 0; k < AHEAD; ++k)
                ahead[k] = last - k >= 0 ? grad_y[start + (last - k) * n] : Real(0);
#pragma unroll
            for (int k = 0; k < AHEAD; ++k) {
                if (last - k >= 0) {
                    carried = factor * carried + ahead[k];
                    grad_x[start + (last - k) * n] = carried;
                }
            }
        }
    }
}

extern "C" __global__ void forward_float32(const float* x, const long long* decay, const long long* state, float scale,
                                           const long long* threshold, int soft_reset, float* y, long long batch,
                                           long long channels, long long rest, long long steps, long long decays,
                                           long long thresholds)
{
    integrate(x, decay, state, scale, threshold, soft_reset, y, batch, channels, rest, steps, decays, thresholds);
}

extern "C" __global__ void forward_float64(const double* x, const long long* decay, const long long* state,
                                           double scale, const long long* threshold, int soft_reset, double* y,
                                           long long batch, long long channels, long long rest, long long steps,
                                           long long decays, long long thresholds)
{
    integrate(x, decay, state, scale, threshold, soft_reset, y, batch, channels, rest, steps, decays, thresholds);
}

extern "C" __global__ void backward_float32(const float* grad_y, const float* keep, float* grad_x, long long batch,
                                            long long channels, long long rest, long long steps, long long keeps)
{
    adjoin(grad_y, keep, grad_x, batch, channels, rest, steps, keeps);
}

extern "C" __global__ void backward_float64(const double* grad_y, const double* keep, double* grad_x, long long batch,
                                            long long channels, long long rest, long long steps, long long keeps)
{
    adjoin(grad_y, keep, grad_x, batch, channels, rest, steps, keeps);
}
