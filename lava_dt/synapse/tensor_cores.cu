/* Whole spikes as bfloat16, time before the neurons, for a product on tensor cores; see tensor_cores.py.
 *
 *     spikes[b, t, i] = x[b, i, t],     refused = 1 where some entry is no whole number or has more than 8 bits
 *
 * Threads. One for STEPS steps of a neuron of a sample, neighbouring neurons in neighbouring threads: what a warp writes
 * is contiguous, and so is what it reads where time lies before the neurons already. Where it does not, a thread reads
 * its STEPS values in a row, 16 bytes at once where rows begin at multiples of them. Any size: the grid strides over
 * what it has no thread for. All who refuse write the same, so the order of threads does not matter.
 */

constexpr int STEPS = 8;

struct alignas(16) Four { float at[4]; };

extern "C" __global__ void narrow(const float* __restrict__ x, int time_last, int aligned, short* __restrict__ spikes,
                                  int* __restrict__ refused, long long batch, long long steps, long long n)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    const long long blocks = (steps + STEPS - 1) / STEPS;
    for (long long item = (long long)blockIdx.x * blockDim.x + threadIdx.x; item < batch * blocks * n; item += stride) {
        const long long neuron = item % n;
        const long long first = item / n % blocks * STEPS;
        const long long sample = item / n / blocks;
        const long long start = sample * steps * n;
        float now[STEPS];
        if (time_last && aligned) {
            const Four* const from = reinterpret_cast<const Four*>(x + start + neuron * steps + first);
#pragma unroll
            for (int half = 0; half < STEPS / 4; ++half) {
                const Four four = first + 4 * half < steps ? from[half] : Four{};
#pragma unroll
                for (int k = 0; k < 4; ++k)
                    now[4 * half + k] = four.at[k];
            }
        } else {
            const float* const from = x + start + (time_last ? neuron * steps + first : first * n + neuron);
#pragma unroll
            for (int k = 0; k < STEPS; ++k)
                now[k] = first + k < steps ? from[time_last ? k : k * n] : 0.0f;
        }
        bool refuse = false;
#pragma unroll
        for (int k = 0; k < STEPS; ++k) {
            const unsigned bits = __float_as_uint(now[k]);
            refuse = refuse || (bits & 0xffff) || now[k] != rintf(now[k]);
            if (first + k < steps)
                spikes[start + (first + k) * n + neuron] = (short)(bits >> 16);
        }
        if (refuse)
            *refused = 1;
    }
}
