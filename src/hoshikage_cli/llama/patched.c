/*
 * What our patches add to libllama. Another library may be bound (HOSHIKAGE_LLAMA_DIR) that lacks it:
 * the declaration is weak, so that the linker does without and we can ask.
 */
#include "native.h"

#include <stddef.h>

__attribute__((weak)) void llama_set_attn_block(struct llama_context * ctx, uint32_t n);

bool hoshi_set_attn_block(struct llama_context * ctx, uint32_t n) {
    if (llama_set_attn_block == NULL) {
        return false;
    }
    llama_set_attn_block(ctx, n);
    return true;
}
