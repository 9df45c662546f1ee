/* One step of Adam, element by element; see reference.py.
 *
 *     m = beta_1 m + (1 - beta_1) g,   v = beta_2 v + (1 - beta_2) g^2
 *     delta = -rate m / (correction sqrt(v) + epsilon)
 *
 * Threads. One an element; the arrays have the same layout, so the 32 threads of a warp read and write neighbours, and
 * each element is read and written once. Any size: the grid strides over elements it has no thread for. REAL is the
 * type of the arrays, float or double, in which all is computed; roots and quotients are the correctly rounded ones.
 */

extern "C" __global__ void adam_step(const REAL* __restrict__ gradient, REAL* __restrict__ first,
                                     REAL* __restrict__ second, REAL* __restrict__ delta, REAL beta_1, REAL rest_1,
                                     REAL beta_2, REAL rest_2, REAL epsilon, REAL rate, REAL correction, long long n)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        const REAL g = gradient[i];
        const REAL m = beta_1 * first[i] + rest_1 * g;
        const REAL v = beta_2 * second[i] + rest_2 * g * g;
        first[i] = m;
        second[i] = v;
        delta[i] = -rate * m / (correction * sqrt(v) + epsilon);
    }
}
