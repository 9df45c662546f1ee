/* Windows of a map; see reference.py.
 *
 * Sample s at output position p = ox * columns + oy, columns = Y - fy + 1, is the virtual sample s * positions + p. Its
 * events are those of the sample with pixel (x, y), neuron (x * Y + y) * C + channel, in the window: ox <= x < ox + fx
 * and oy <= y < oy + fy; there they are of neuron ((x - ox) * fy + y - oy) * C + channel.
 *
 * Threads. unfold: one a virtual sample, which walks through the events of its sample and either counts those in its
 * window or writes them down in their order. The 32 threads of a warp read the same events. fold: one an event of the
 * map, which sums the errors of its virtual events in the order of the windows. No two threads write to one place, so
 * repeated runs have equal bits. Any size: grids stride over what lies beyond. REAL is the type of the errors.
 */

extern "C" __global__ void unfold(const long long* __restrict__ offsets, const int* __restrict__ neurons, int size_x,
                                  int size_y, int channels, int fx, int fy, long long virtual_samples,
                                  long long* __restrict__ counts, /* or null: then the events are written */
                                  const long long* __restrict__ virtual_offsets, long long* __restrict__ source,
                                  int* __restrict__ virtual_neurons)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    const int columns = size_y - fy + 1, positions = (size_x - fx + 1) * columns;
    for (long long v = (long long)blockIdx.x * blockDim.x + threadIdx.x; v < virtual_samples; v += stride) {
        const long long sample = v / positions;
        const int ox = (int)(v % positions) / columns, oy = (int)(v % positions) % columns;
        long long place = counts ? 0 : virtual_offsets[v];
        for (long long event = offsets[sample]; event < offsets[sample + 1]; ++event) {
            const int pixel = neurons[event] / channels, channel = neurons[event] % channels;
            const int x = pixel / size_y - ox, y = pixel % size_y - oy;
            if (x >= 0 && x < fx && y >= 0 && y < fy) {
                if (!counts) {
                    source[place] = event;
                    virtual_neurons[place] = (x * fy + y) * channels + channel;
                }
                ++place;
            }
        }
        if (counts)
            counts[v] = place;
    }
}

/* The virtual events of event e are order[starts[e]:starts[e + 1]]. */
extern "C" __global__ void fold(const REAL* __restrict__ errors, const long long* __restrict__ starts,
                                const long long* __restrict__ order, REAL* __restrict__ sums, long long events)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long event = (long long)blockIdx.x * blockDim.x + threadIdx.x; event < events; event += stride) {
        REAL total = 0;
        for (long long place = starts[event]; place < starts[event + 1]; ++place)
            total += errors[order[place]];
        sums[event] = total;
    }
}
