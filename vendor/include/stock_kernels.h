/* Whether every product is left to ggml. */
#ifndef HOSHI_STOCK_KERNELS_H
#define HOSHI_STOCK_KERNELS_H

#include <cstdlib>
#include <cstring>

namespace hoshi {

/* Whether HOSHIKAGE_STOCK_KERNELS was set, to anything but 0, when this was first asked. */
inline bool stock_kernels() {
    static const bool wished = [] {
        const char * value = std::getenv("HOSHIKAGE_STOCK_KERNELS");
        return value != nullptr && *value != '\0' && std::strcmp(value, "0") != 0;
    }();
    return wished;
}

} // namespace hoshi

#endif
