/* A buffer type of ggml's CPU backend whose matrices are prepared when they are loaded, and multiplied
 * by the kernels for it. For one source file of ggml's: ggml-cpu.cpp. */
#ifndef HOSHI_PREPARED_BUFFER_H
#define HOSHI_PREPARED_BUFFER_H

#include "ggml-backend-impl.h"
#include "ggml-cpu.h"
#include "prepared_avx512.h"
#include "stock_kernels.h"
#include "traits.h"

// Processors with AMX keep ggml's kernels for it.
#if defined(HOSHI_PREPARED) && !defined(__AMX_INT8__)
#define HOSHI_PREPARED_BUFFER 1

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <atomic>
#include <functional>
#include <system_error>
#include <thread>
#include <vector>

namespace hoshi::prepared {

constexpr int64_t CHUNK = 1 << 19; // bytes of weights that a thread takes at a time

/* Calls work(i) for i below n, in as many threads as there are processors; in this one alone where
 * there is little to do, or no other to be had. */
inline void in_threads(int64_t n, bool little, const std::function<void(int64_t)> & work) {
    std::atomic<int64_t> next{0};
    const auto go_on = [&] {
        for (int64_t i = next++; i < n; i = next++) {
            work(i);
        }
    };
    const size_t threads = little ? 1 : std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::thread> others;
    others.reserve(threads);
    while (others.size() + 1 < threads) {
        try {
            others.emplace_back(go_on);
        } catch (const std::system_error &) {
            break;
        }
    }
    go_on();
    for (std::thread & other : others) {
        other.join();
    }
}

/* What ggml asks of a kind of weights, and what the buffer asks besides. */
struct Kind : ggml::cpu::tensor_traits {
    virtual size_t size(const ggml_tensor * weights) const = 0;
    virtual void prepare(ggml_tensor * weights, const void * file) const = 0;
};

template <class W> struct KindOf : Kind {
    static Matrix<W> matrix(const ggml_tensor * weights) { return {weights->ne[1], weights->ne[0]}; }

    size_t size(const ggml_tensor * weights) const override { return matrix(weights).size(); }

    void prepare(ggml_tensor * weights, const void * file) const override {
        const Matrix<W> prepared = matrix(weights);
        auto * to = static_cast<uint8_t *>(weights->data);
        in_threads(prepared.strips(), prepared.size() < (1 << 20), [&](int64_t strip) {
            prepared.prepare(to + strip * prepared.strip_size(),
                             static_cast<const typename W::Block *>(file), strip);
        });
    }

    bool work_size(int, const ggml_tensor * op, size_t & size) override {
        size = matrix(op->src[0]).packed_size(ggml_nrows(op->src[1]));
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        const Matrix<W> weights = matrix(op->src[0]);
        const ggml_tensor * tokens = op->src[1];
        const int64_t n = ggml_nrows(tokens);
        auto * packed = static_cast<typename W::Token *>(params->wdata);
        weights.pack(packed, n, [tokens](int64_t j) { return row(tokens, j); }, params->ith, params->nth);
        if (params->ith == 0) {
            // Each thread begins with the chunk of its own number.
            ggml_threadpool_chunk_set(params->threadpool, params->nth);
        }
        ggml_barrier(params->threadpool);
        const int64_t strips = weights.strips();
        const int64_t fair = rounded_up(strips, 4 * params->nth);
        const int64_t step = std::clamp<int64_t>(CHUNK / weights.strip_size(), 1, fair);
        for (int64_t from = params->ith * step; from < strips;
             from = ggml_threadpool_chunk_add(params->threadpool, 1) * step) {
            weights.product(static_cast<const uint8_t *>(op->src[0]->data), packed, n,
                            static_cast<float *>(op->data), op->nb[1] / sizeof(float), from,
                            std::min(strips, from + step),
                            [params] { return ggml_threadpool_aborts(params->threadpool); });
        }
        return true;
    }

    static const float * row(const ggml_tensor * tokens, int64_t j) {
        const int64_t i1 = j % tokens->ne[1], rest = j / tokens->ne[1];
        const size_t at = i1 * tokens->nb[1] + rest % tokens->ne[2] * tokens->nb[2] +
                          rest / tokens->ne[2] * tokens->nb[3];
        return reinterpret_cast<const float *>(static_cast<const char *>(tokens->data) + at);
    }
};

/* Null for matrices that are none of ours. */
inline Kind * kind_of(const ggml_tensor * weights) {
    static KindOf<Q8_0> q8_0;
    static KindOf<Q4_0> q4_0;
    static KindOf<Q4_K> q4_k;
    static KindOf<Q5_K> q5_k;
    static KindOf<Q6_K> q6_k;
    if (weights->ne[2] != 1 || weights->ne[3] != 1 || weights->view_src != nullptr) {
        return nullptr;
    }
    switch (weights->type) {
        case GGML_TYPE_Q8_0: return &q8_0;
        case GGML_TYPE_Q4_0: return &q4_0;
        case GGML_TYPE_Q4_K: return &q4_k;
        case GGML_TYPE_Q5_K: return &q5_k;
        case GGML_TYPE_Q6_K: return &q6_k;
        default: return nullptr;
    }
}

inline ggml_backend_buffer_type_t buffer_type();

/* Which operations the CPU backend can do with what lies in such a buffer. */
struct BufferType : ggml::cpu::extra_buffer_type {
    bool supports_op(ggml_backend_dev_t, const ggml_tensor * op) override {
        const ggml_tensor * tokens = op->src[1];
        return get_tensor_traits(op) != nullptr && tokens->type == GGML_TYPE_F32 &&
               tokens->nb[0] == sizeof(float) && ggml_is_contiguous(op) &&
               (tokens->buffer == nullptr || ggml_backend_buft_is_host(tokens->buffer->buft));
    }

    ggml::cpu::tensor_traits * get_tensor_traits(const ggml_tensor * op) override {
        const ggml_tensor * weights = op->src[0];
        const bool ours = op->op == GGML_OP_MUL_MAT && weights->buffer != nullptr &&
                          weights->buffer->buft == buffer_type();
        return ours ? kind_of(weights) : nullptr;
    }
};

inline void set_tensor(ggml_backend_buffer_t, ggml_tensor * weights, const void * data, size_t offset,
                       size_t size) {
    GGML_ASSERT(offset == 0 && size == ggml_nbytes(weights));
    kind_of(weights)->prepare(weights, data);
}

/* ggml's memory, in large pages where the system has them: a row of it is read by far fewer of them. */
inline ggml_backend_buffer_t alloc_buffer(ggml_backend_buffer_type_t type, size_t size) {
    ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
    if (buffer == nullptr) {
        return nullptr;
    }
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr uintptr_t PAGE = 1 << 21;
    const auto base = reinterpret_cast<uintptr_t>(ggml_backend_buffer_get_base(buffer));
    const uintptr_t first = (base + PAGE - 1) / PAGE * PAGE, last = (base + size) / PAGE * PAGE;
    if (first < last) {
        madvise(reinterpret_cast<void *>(first), last - first, MADV_HUGEPAGE);
    }
#endif
    buffer->buft = type;
    buffer->iface.init_tensor = nullptr;
    buffer->iface.set_tensor = set_tensor;
    buffer->iface.get_tensor = nullptr;
    buffer->iface.cpy_tensor = nullptr;
    return buffer;
}

/* The buffer type; null where every product is left to ggml. */
inline ggml_backend_buffer_type_t buffer_type() {
    static ggml_backend_buffer_type type = {
        /* .iface   = */ {
            /* .get_name       = */ [](ggml_backend_buffer_type_t) { return "CPU_PREPARED"; },
            /* .alloc_buffer   = */ alloc_buffer,
            /* .get_alignment  = */ [](ggml_backend_buffer_type_t) -> size_t { return LINE; },
            /* .get_max_size   = */ nullptr,
            /* .get_alloc_size = */ [](ggml_backend_buffer_type_t, const ggml_tensor * weights) {
                const Kind * kind = kind_of(weights);
                return kind != nullptr ? kind->size(weights) : ggml_nbytes(weights);
            },
            /* .is_host        = */ nullptr,
        },
        /* .device  = */ ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0),
        /* .context = */ new BufferType(),
    };
    return stock_kernels() ? nullptr : &type;
}

} // namespace hoshi::prepared

#endif
#endif
