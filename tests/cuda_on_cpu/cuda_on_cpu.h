/* Stands in for CUDA's built-ins, so that g++ compiles a kernel's source and the processor runs it, one thread of the
 * grid after the other. Enough for kernels without shared memory, barriers and atomics: those whose threads do not
 * need each other.
 */
#pragma once
#include <math.h> /* not cmath, after which sqrt(x) of a float is a double */
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)

struct Position { unsigned x = 0, y = 0, z = 0; };
inline thread_local Position threadIdx, blockIdx, blockDim, gridDim;

inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The name NumPy gives a parameter's type; a pointer's has a star before it. */
template <typename T> std::string name_of() {
    if constexpr (std::is_pointer_v<T>)
        return "*" + name_of<std::remove_cv_t<std::remove_pointer_t<T>>>();
    else if constexpr (std::is_floating_point_v<T>)
        return "float" + std::to_string(8 * sizeof(T));
    else {
        static_assert(std::is_integral_v<T>, "a parameter is neither a number nor a pointer to numbers");
        return (std::is_signed_v<T> ? "int" : "uint") + std::to_string(8 * sizeof(T));
    }
}

template <typename Kernel> struct Launcher;
template <typename... Parameter> struct Launcher<void (*)(Parameter...)> {
    static std::string types() { return ((name_of<Parameter>() + " ") + ... + ""); }

    template <std::size_t... place>
    static void call(void (*kernel)(Parameter...), void** arguments, std::index_sequence<place...>) {
        kernel(*static_cast<Parameter*>(arguments[place])...);
    }

    static void run(void (*kernel)(Parameter...), unsigned blocks, unsigned threads, void** arguments) {
        gridDim = {blocks, 1, 1};
        blockDim = {threads, 1, 1};
        for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
            for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x)
                call(kernel, arguments, std::index_sequence_for<Parameter...>());
    }
};

/* types_KERNEL(): its parameters' types; run_KERNEL(blocks, threads, addresses of the arguments), as cuLaunchKernel. */
#define LAUNCHABLE(kernel)                                                                                    \
    extern "C" const char* types_##kernel() {                                                                 \
        static const std::string types = Launcher<decltype(&kernel)>::types();                                \
        return types.c_str();                                                                                 \
    }                                                                                                         \
    extern "C" void run_##kernel(unsigned blocks, unsigned threads, void** arguments) {                       \
        Launcher<decltype(&kernel)>::run(&kernel, blocks, threads, arguments);                                \
    }
