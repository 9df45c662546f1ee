/* What is wrong with each row of padded spike trains; see reference.py.
 *
 *     faults[row] = 2 (TIME_FAULT)   a time is negative or not a number
 *                   3 (ORDER_FAULT)  the row does not ascend, with inf at its end
 *                   1 (COUNT_FAULT)  the number of finite times is not the row's count
 *                   0                none of these; the first that applies is named
 *
 * Threads. One a row, that is a neuron of a sample: times is (rows, slots), counts and faults (rows,). Any size: the
 * grid strides over rows it has no thread for. REAL is the type of the times, float or double.
 */

extern "C" __global__ void check_rows(const REAL* __restrict__ times, const int* __restrict__ counts,
                                      int* __restrict__ faults, long long rows, long long slots)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x; row < rows; row += stride) {
        bool proper = true, ordered = true;
        long long finite = 0;
        REAL before = 0;
        for (long long slot = 0; slot < slots; ++slot) {
            const REAL time = times[row * slots + slot];
            proper = proper && time >= 0;
            ordered = ordered && !(time < before);
            finite += time - time == 0; /* neither inf nor nan */
            before = time;
        }
        faults[row] = !proper ? 2 : !ordered ? 3 : finite != counts[row] ? 1 : 0;
    }
}
