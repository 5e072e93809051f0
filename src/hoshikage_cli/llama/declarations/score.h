int hoshi_log_probabilities(const float * conditional, const float * unconditional, double guidance,
                             int64_t n_rows, int64_t n_vocab, const int32_t * targets, int32_t n_threads,
                             double * log_probability, int32_t * likeliest);
