enum ggml_log_level {
    GGML_LOG_LEVEL_NONE,
    GGML_LOG_LEVEL_DEBUG,
    GGML_LOG_LEVEL_INFO,
    GGML_LOG_LEVEL_WARN,
    GGML_LOG_LEVEL_ERROR,
    GGML_LOG_LEVEL_CONT,
    ...
};

typedef void (*ggml_log_callback)(enum ggml_log_level level, const char * text, void * user_data);
void llama_log_set(ggml_log_callback callback, void * user_data);
void llama_backend_init(void);
const char * llama_version(void);
const char * llama_print_system_info(void);

typedef struct ggml_backend_reg * ggml_backend_reg_t;
size_t ggml_backend_reg_count(void);
ggml_backend_reg_t ggml_backend_reg_get(size_t index);
const char * ggml_backend_reg_name(ggml_backend_reg_t reg);
void ggml_backend_load_all(void);

typedef struct ggml_backend_device * ggml_backend_dev_t;
size_t ggml_backend_dev_count(void);
ggml_backend_dev_t ggml_backend_dev_get(size_t index);
const char * ggml_backend_dev_name(ggml_backend_dev_t device);
const char * ggml_backend_dev_description(ggml_backend_dev_t device);

extern "Python" void hoshi_on_log(enum ggml_log_level level, const char * text, void * user_data);

extern "Python+C" void hoshi_on_abort(const char * message);
void hoshi_end_on_abort(int code);
