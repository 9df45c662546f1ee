/* Forward pass of a dense layer; contract in __init__.py, the arithmetic in crossings.py, the rules in rules.py.
 *
 * Derivation. With V and I the potential and the current at an origin, after s seconds
 *
 *     I(s) = exp(-s/tau_syn) I,   V(s) = exp(-s/tau_mem) V + g(s) I,   V'(s) = I(s) - V(s)/tau_mem,
 *     g(s) = exp(-s/tau_mem) (1 - exp(-delta s))/delta,   delta = 1/tau_syn - 1/tau_mem
 *
 * and V has one extremum at most. An input of weight w adds w to I, a spike takes `reset` from V. The origin is the
 * last input, or the own spike after it, so nothing overflows however long the simulation is. While V < theta an upward
 * crossing needs V' > 0 at the origin and I > 0. In closed form (tau_mem = 2 tau_syn = tau, y = exp(-s/tau), a = tau I,
 * b = V + a) it is the larger root of a y^2 - b y + theta = 0; otherwise it is searched where V rises, up to its peak
 * s = -log(1 - delta tau_syn (1 - V/(I tau_mem)))/delta, by Newton's method, or bisection where that does not converge.
 *
 * Threads. One a neuron of a sample (a cell), which walks through the sample's events alone, its state in registers;
 * one an event for what the interval after it does to every state. The 32 threads of a warp read neighbouring weights,
 * and the same times and factors. The weight of the next event is loaded before this one is worked on, which hides the
 * latency of the memory. At each input a test in REAL tells whether the neuron may fire before the next; only then is
 * the interval solved, in double. What the test misses by rounding is above the threshold at the next input, and found
 * there. Each cell has a buffer of its own: repeated runs have equal bits. Any size: the grid strides over cells it has
 * no thread for. REAL is the type of the arrays, float or double.
 */

enum Rule { EXACT, SNAP, DETECT, PUBLISHED };

constexpr double NONE = -1;         /* no crossing */
constexpr double FOR_EVER = 1e308;  /* [s]: V rises to 0, which is below the threshold */
constexpr int MOST_STEPS = 120;     /* of a search; at least every other one halves its interval, down to a rounding */
constexpr double ROUNDING = 1.0 / 9007199254740992.0; /* 2^-53 */

struct Layer {
    double tau_mem, tau_syn, delta, theta, reset, dt;
    bool closed;
    double least_slope, late_slack;
    int most_in_interval;
};

struct State { double v, i; };
struct Factors { double decay, decay_i, response; };
struct Crossing { double since; State state; };

/* What a cell has emitted, and what it keeps of a crossing that is to become a spike on the grid. */
struct Cell {
    REAL* times;
    REAL* since;
    REAL* inverse;
    int* last_input;
    long long room;
    int kept, lost, bounded;
    bool due, above; /* whether a spike is due (snap); whether V is above theta since the crossing (detect) */
    double due_time;
    REAL pending_since, pending_inverse;
    int pending_input;
};

/* An interval between two inputs, its end included, and the input with which it begins, counted in its sample. */
struct Interval { double start, end; int event; };

__device__ double rounded(double time) { return (double)(REAL)time; }

__device__ bool is_finite(double value) { return value - value == 0; }

/* What is called from several places, and seldom, is not inlined: the walk from event to event needs the registers. */

/* For s >= 0; g is symmetric in the time constants: with the slower one outside nothing overflows. */
__device__ Factors factors(double s, const Layer& layer)
{
    const double decay = exp(-s / layer.tau_mem);
    if (layer.closed)
        return {decay, decay * decay, layer.tau_mem * (decay - decay * decay)};
    const double decay_i = exp(-s / layer.tau_syn);
    const double slower = decay > decay_i ? decay : decay_i;
    if (slower == 0)
        return {decay, decay_i, 0};
    const double delta = fabs(layer.delta);
    return {decay, decay_i, slower * (delta > 0 ? -expm1(-delta * s) / delta : s)};
}

__device__ __noinline__ State moved(State from, double s, const Layer& layer)
{
    const Factors by = factors(s, layer);
    return {by.decay * from.v + by.response * from.i, by.decay_i * from.i};
}

/* y at the upward crossing in closed form, above 1 if it lies before the origin, 0 if there is none. */
__device__ double crossing_root(State at, const Layer& layer)
{
    const double a = layer.tau_mem * at.i, b = at.v + a;
    const double square = b * b - 4.0 * a * layer.theta;
    return a > 0 && b > 0 && square >= 0 ? (b + sqrt(square)) / (a + a) : 0;
}

/* Seconds to the maximum of a V that rises. */
__device__ double time_to_peak(State at, const Layer& layer)
{
    const double ahead = layer.tau_syn * (1.0 - at.v / (at.i * layer.tau_mem));
    if (layer.delta == 0)
        return ahead;
    return layer.delta * ahead >= 1.0 ? FOR_EVER : -log1p(-layer.delta * ahead) / layer.delta;
}

__device__ Crossing searched_crossing(State at, double left, const Layer& layer)
{
    double low = 0, high = time_to_peak(at, layer);
    high = high < left ? high : left;
    const double smallest = ROUNDING * high;
    double s = high, width = high;
    State there = moved(at, s, layer);
    if (!(there.v >= layer.theta * (1.0 - 8.0 * ROUNDING))) /* one found once is found at the end of its interval */
        return {NONE, at};
    for (int n = 0; n < MOST_STEPS; ++n) {
        if (there.v >= layer.theta) /* V rises from low to high, and is below theta at low only */
            high = s;
        else
            low = s;
        const double slope = there.i - there.v / layer.tau_mem;
        double step = slope > 0 ? (layer.theta - there.v) / slope : FOR_EVER;
        if (!(low <= s + step && s + step <= high && fabs(step) <= 0.5 * width))
            step = 0.5 * (low + high) - s;
        width = fabs(step);
        if (width <= smallest)
            break;
        s += step;
        there = moved(at, s, layer);
    }
    return {s, {layer.theta, there.i}};
}

/* The first time in [0, left] with V >= theta, and the state there. */
__device__ __noinline__ Crossing next_crossing(State at, double left, const Layer& layer)
{
    if (at.v >= layer.theta)
        return {0, at};
    const double a = layer.tau_mem * at.i;
    if (!(a > at.v && a > 0))
        return {NONE, at};
    if (!layer.closed)
        return searched_crossing(at, left, layer);
    double y = crossing_root(at, layer);
    if (y == 0)
        return {NONE, at};
    y = y < 1 ? y : 1;
    const double s = -layer.tau_mem * log(y);
    return s > left ? Crossing{NONE, at} : Crossing{s, {layer.theta, at.i * y * y}};
}

/* 1/V', bounded and counted. */
__device__ double inverse_slope(State at, Cell& cell, const Layer& layer)
{
    const double slope = at.i - at.v / layer.tau_mem;
    if (slope < layer.least_slope) {
        ++cell.bounded;
        return 1.0 / layer.least_slope;
    }
    return 1.0 / slope;
}

/* The first grid time n dt above a time. */
__device__ __noinline__ double grid_time_after(double time, double dt)
{
    double n = floor(time / dt);
    while (rounded(n * dt) > time)
        n -= 1.0;
    while (rounded(n * dt) <= time)
        n += 1.0;
    return rounded(n * dt);
}

/* The first grid time at or after a time that is above the time of the last event. */
__device__ double grid_time_from(double time, double last, double dt)
{
    if (time <= last)
        return grid_time_after(last, dt);
    const double after = grid_time_after(time, dt);
    const double before = rounded((rint(after / dt) - 1.0) * dt);
    return before == time && before > last ? before : after;
}

__device__ void record(Cell& cell, double time, REAL since, REAL inverse, int last_input)
{
    if (cell.kept == cell.room) {
        ++cell.lost;
        return;
    }
    cell.times[cell.kept] = (REAL)time;
    cell.since[cell.kept] = since;
    cell.inverse[cell.kept] = inverse;
    cell.last_input[cell.kept] = last_input;
    ++cell.kept;
}

__device__ void keep_crossing(Cell& cell, double since, double inverse, int input)
{
    cell.pending_since = (REAL)since;
    cell.pending_inverse = (REAL)inverse;
    cell.pending_input = input;
}

/* Each rule emits what a cell emits in an interval and moves its state to the end, if it fired; false: it fires without
 * reasonable end. */

__device__ bool fire_exactly(Cell& cell, State& state, bool& fired, const Interval& in, const Layer& layer)
{
    const double length = in.end - in.start;
    double since = 0;
    int count = 0;
    for (Crossing next = next_crossing(state, length, layer); next.since >= 0;
         next = next_crossing(state, length - since, layer)) {
        if (count++ == layer.most_in_interval)
            return false;
        since += next.since;
        state = next.state;
        const double inverse = inverse_slope(state, cell, layer);
        const double time = in.start + since;
        record(cell, time < in.end ? time : in.end, (REAL)since, (REAL)inverse, in.event);
        state.v -= layer.reset;
    }
    fired = count > 0;
    if (fired)
        state = moved(state, length - since > 0 ? length - since : 0, layer);
    return true;
}

__device__ bool fire_snapped(Cell& cell, State& state, bool& fired, const Interval& in, const Layer& layer)
{
    double origin = in.start;
    int count = 0;
    while (true) {
        if (!cell.due) {
            const Crossing next = next_crossing(state, in.end - origin, layer);
            if (next.since < 0)
                break;
            keep_crossing(cell, origin + next.since - in.start, inverse_slope(next.state, cell, layer), in.event);
            cell.due = true;
            cell.due_time = grid_time_after(rounded(origin + next.since), layer.dt);
        }
        const double time = cell.due_time;
        if (time > in.end)
            break;
        if (count++ == layer.most_in_interval)
            return false;
        record(cell, time, cell.pending_since, cell.pending_inverse, cell.pending_input);
        state = moved(state, time - origin, layer);
        origin = time;
        state.v -= layer.reset;
        cell.due = state.v >= layer.theta; /* a spike without a crossing of its own follows one step later */
        if (cell.due) {
            cell.due_time = grid_time_after(time, layer.dt);
            keep_crossing(cell, 0, 0, in.event);
        }
    }
    fired = count > 0;
    if (fired)
        state = moved(state, in.end - origin, layer);
    return true;
}

__device__ bool fire_detected(Cell& cell, State& state, bool& fired, const Interval& in, const Layer& layer)
{
    double origin = in.start;
    int count = 0;
    cell.above = cell.above && state.v >= layer.theta;
    while (true) {
        const Crossing next = next_crossing(state, in.end - origin, layer);
        if (next.since < 0)
            break;
        if (!cell.above)
            keep_crossing(cell, origin + next.since - in.start, inverse_slope(next.state, cell, layer), in.event);
        cell.above = true;
        const double crossing = rounded(origin + next.since);
        const double time = grid_time_from(crossing, origin, layer.dt);
        if (time > in.end)
            break;
        const State there = moved(state, time - origin, layer);
        if (time != crossing && there.v < layer.theta)
            break; /* it has decayed before the grid point, and there is no second peak before the next input */
        if (count++ == layer.most_in_interval)
            return false;
        record(cell, time, cell.pending_since, cell.pending_inverse, cell.pending_input);
        state = {there.v - layer.reset, there.i};
        origin = time;
        cell.above = state.v >= layer.theta;
        keep_crossing(cell, 0, 0, in.event);
    }
    fired = count > 0;
    if (fired)
        state = moved(state, in.end - origin, layer);
    return true;
}

/* The first grid point after the crossing only, if V is still near theta there; the reset is at the crossing. The state
 * stays relative to the beginning of the interval; a crossing may lie before it. */
__device__ bool fire_as_published(Cell& cell, State& state, bool& fired, const Interval& in, const Layer& layer)
{
    double last = in.start;
    int count = 0;
    for (double y = crossing_root(state, layer); y > 0; y = crossing_root(state, layer)) {
        const double since = -layer.tau_mem * log(y);
        const double crossing = rounded(in.start + since);
        if (crossing <= -layer.dt)
            break;
        const double time = grid_time_after(crossing > 0 ? crossing : 0, layer.dt);
        if (time <= last || time > in.end)
            break;
        if (moved(state, time - in.start, layer).v + layer.late_slack < layer.theta)
            break;
        if (count++ == layer.most_in_interval)
            return false;
        const double inverse = inverse_slope({layer.theta, state.i * y * y}, cell, layer);
        record(cell, time, (REAL)since, (REAL)inverse, in.event);
        last = time;
        state.v -= layer.reset / y;
    }
    fired = count > 0;
    if (fired)
        state = moved(state, in.end - in.start, layer);
    return true;
}

/* Of the interval after each event: factors of V and of I, what V gets from I, and its end [s], (n, 4). */
extern "C" __global__ void intervals(const REAL* __restrict__ times, const long long* __restrict__ samples,
                                     const long long* __restrict__ offsets, REAL* __restrict__ after, double tau_mem,
                                     double tau_syn, double delta, int closed, REAL max_simulation, long long n)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    const Layer layer = {tau_mem, tau_syn, delta, 0, 0, 0, closed != 0, 0, 0, 0};
    for (long long event = (long long)blockIdx.x * blockDim.x + threadIdx.x; event < n; event += stride) {
        REAL end = max_simulation;
        if (event + 1 < offsets[samples[event] + 1] && times[event + 1] < end)
            end = times[event + 1];
        const double length = (double)end - (double)times[event];
        const Factors by = factors(length > 0 ? length : 0, layer); /* after the end of the simulation none is read */
        after[4 * event] = (REAL)by.decay;
        after[4 * event + 1] = (REAL)by.decay_i;
        after[4 * event + 2] = (REAL)by.response;
        after[4 * event + 3] = end;
    }
}

/* Whether a neuron may fire before the state has become v_then, i_then: above, or with a peak that may reach it. */
__device__ bool may_fire(REAL v, REAL i, REAL v_then, REAL i_then, REAL decay, REAL low, REAL tau, REAL most_response,
                         bool closed)
{
    if (v >= low || !(v_then < low)) /* or no number: a sum of weights is above the largest one */
        return true;
    const REAL a = tau * i, b = v + a;
    if (!(a > v && tau * i_then <= v_then))
        return false; /* no peak inside */
    if (closed)
        return b > 0 && b * b >= (a + a + a + a) * low;
    const REAL decayed = decay * v;
    return (v > decayed ? v : decayed) + most_response * i >= low;
}

/* Buffers are (cells, max_spikes), times filled with inf; lost, bounded and diverged (cells,). */
extern "C" __global__ void simulate(const long long* __restrict__ offsets, const REAL* __restrict__ in_times,
                                    const int* __restrict__ in_neurons, const REAL* __restrict__ after,
                                    const REAL* __restrict__ weights, int rule, double tau_mem, double tau_syn,
                                    double delta, double theta, double reset, double dt, int closed,
                                    double least_slope, double late_slack, int most_in_interval, REAL low,
                                    REAL most_response, REAL max_simulation, REAL* __restrict__ times,
                                    REAL* __restrict__ since, REAL* __restrict__ inverse, int* __restrict__ last_input,
                                    int* __restrict__ lost, int* __restrict__ bounded, int* __restrict__ diverged,
                                    long long cells, long long n_post, long long max_spikes)
{
    const long long stride = (long long)gridDim.x * blockDim.x;
    const Layer layer = {tau_mem, tau_syn, delta, theta, reset, dt, closed != 0, least_slope, late_slack,
                         most_in_interval};
    for (long long c = (long long)blockIdx.x * blockDim.x + threadIdx.x; c < cells; c += stride) {
        const long long begin = offsets[c / n_post], end = offsets[c / n_post + 1], neuron = c % n_post;
        const long long place = c * max_spikes;
        Cell cell = {times + place, since + place, inverse + place, last_input + place, max_spikes,
                     0, 0, 0, false, false, 0, 0, 0, 0};
        REAL v = 0, i = 0;
        REAL weight = begin < end ? weights[in_neurons[begin] * n_post + neuron] : (REAL)0;
        bool finite = true;
        for (long long event = begin; finite && event < end && in_times[event] <= max_simulation; ++event) {
            i += weight;
            if (event + 1 < end) {
                weight = weights[in_neurons[event + 1] * n_post + neuron];
                if (in_times[event + 1] == in_times[event])
                    continue; /* simultaneous inputs act together */
            }
            const REAL decay = after[4 * event];
            const REAL v_then = decay * v + after[4 * event + 2] * i, i_then = after[4 * event + 1] * i;
            const Interval in = {(double)in_times[event], (double)after[4 * event + 3], (int)(event - begin)};
            bool fired = false;
            State state = {(double)v, (double)i};
            if (may_fire(v, i, v_then, i_then, decay, low, (REAL)tau_mem, most_response, layer.closed)
                || (cell.due && cell.due_time <= in.end)) {
                finite = is_finite(state.v) && is_finite(state.i);
                if (finite) {
                    if (rule == EXACT)
                        finite = fire_exactly(cell, state, fired, in, layer);
                    else if (rule == SNAP)
                        finite = fire_snapped(cell, state, fired, in, layer);
                    else if (rule == DETECT)
                        finite = fire_detected(cell, state, fired, in, layer);
                    else
                        finite = fire_as_published(cell, state, fired, in, layer);
                }
            }
            v = fired ? (REAL)state.v : v_then;
            i = fired ? (REAL)state.i : i_then;
            cell.above = cell.above && v >= theta;
        }
        lost[c] = cell.lost;
        bounded[c] = cell.bounded;
        diverged[c] = !finite;
    }
}
