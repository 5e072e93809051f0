/*
 * Row reductions: what one denoising step needs to know of each row of logits, computed where the
 * logits lie. A row is read once or twice, by one thread, so that the result never depends on how
 * many threads share the rows. decoding/proposal.py is the specification of every number here.
 */
#include "exponential.h"
#include "largest.h"
#include "native.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A block of logits stays in the first-level cache between the pass for the maximum and the pass
 * for the sums, and bounds how many float additions happen before the sum moves to a double. */
enum { BLOCK = 1024, BUCKETS = 512, MAX_THREADS = 64 };

/* Below this many logits a thread costs more than it saves. */
static const int64_t LOGITS_PER_THREAD = 1 << 15;

/* Nats below the maximum that the bucket search resolves; what lies deeper shares the last bucket. */
static const float BUCKET_RANGE = 32.0f;

typedef struct {
    const float * conditional;
    const float * unconditional; /* NULL without guidance */
    int64_t       n_vocab;
    int64_t       row;
    int64_t       position;
} row_view;

/* All but the largest are summed relative to the second largest, so that their sum is at least 1 and
 * keeps its precision however small they are beside the largest. */
typedef struct {
    double others;   /* sum of exp(z - second) over all but the largest */
    double weighted; /* sum of (z - second) exp(z - second) over the same */
    float  first;    /* largest z */
    float  second;   /* second largest z */
    int64_t argmax;  /* lowest id of the largest */
    int64_t argsecond;
} row_sums;

typedef struct {
    float * values; /* n_vocab */
    double * block_sums;
    struct candidate * candidates; /* n_vocab */
} scratch;

struct candidate {
    float   value;
    int32_t token;
};

/* ------------------------------------------------------------------ counter-based randomness */

static const uint64_t GOLDEN = 0x9e3779b97f4a7c15ULL;

static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return x;
}

static uint64_t random_key(uint64_t seed, uint64_t stream, uint64_t step, uint64_t position) {
    uint64_t key = mix(seed + GOLDEN);
    key = mix(key ^ ((stream + 1) * GOLDEN));
    key = mix(key ^ ((step + 1) * GOLDEN));
    return mix(key ^ ((position + 1) * GOLDEN));
}

static double unit_interval(uint64_t bits) {
    return ((double) (bits >> 11) + 0.5) * 0x1p-53;
}

static double uniform(uint64_t key) {
    return unit_interval(mix(key + GOLDEN));
}

static double uniform_of_token(uint64_t key, uint64_t token) {
    return unit_interval(mix(key ^ mix(token + GOLDEN)));
}

/* ------------------------------------------------------------------------------ reading rows */

static bool is_banned_within(const hoshi_rule * rule, int64_t begin, int64_t end) {
    for (int32_t i = 0; i < rule->n_banned; i++) {
        if (rule->banned[i] >= begin && rule->banned[i] < end) {
            return true;
        }
    }
    return false;
}

static void ban(const hoshi_rule * rule, int64_t begin, int64_t end, float * block) {
    for (int32_t i = 0; i < rule->n_banned; i++) {
        if (rule->banned[i] >= begin && rule->banned[i] < end) {
            block[rule->banned[i] - begin] = -INFINITY;
        }
    }
}

/* Guided and edited logits [begin, end) of a row: the library's own memory where nothing changes
 * them, else a copy in `block`. */
static const float * read_block(const row_view * view, const hoshi_rule * rule,
                                int64_t begin, int64_t end, float * block) {
    const float * z = view->conditional + begin;
    if (view->unconditional) {
        const float * u = view->unconditional + begin;
        const float scale = rule->guidance + 1.0f;
        for (int64_t i = 0; i < end - begin; i++) {
            block[i] = u[i] + scale * (z[i] - u[i]);
        }
    } else if (is_banned_within(rule, begin, end)) {
        memcpy(block, z, (size_t) (end - begin) * sizeof *block);
    } else {
        return z;
    }
    ban(rule, begin, end, block);
    return block;
}

static int64_t block_end(int64_t begin, int64_t n_vocab) {
    return begin + BLOCK < n_vocab ? begin + BLOCK : n_vocab;
}

/* ---------------------------------------------------------------------------- running sums */

static float block_max(const float * z, int64_t n) {
    float top = -INFINITY;
#pragma omp simd reduction(max : top)
    for (int64_t i = 0; i < n; i++) {
        top = z[i] > top ? z[i] : top;
    }
    return top;
}

/* Moves the sums from the two largest as they were before to those that are known now. */
static void move_largest(row_sums * sums, const row_sums * before) {
    if (before->second > -INFINITY) {
        double gap = (double) before->second - (double) sums->second;
        double scale = exp(gap);
        sums->weighted = scale > 0.0 ? scale * (sums->weighted + gap * sums->others) : 0.0;
        sums->others *= scale;
    }
    if (before->first > -INFINITY && sums->argmax != before->argmax) { /* it is one of the others now */
        double gap = (double) before->first - (double) sums->second;
        double e = exp(gap);
        sums->others += e;
        sums->weighted += e > 0.0 ? gap * e : 0.0;
    }
}

/* Only a block that can change the two largest is searched: about ln(blocks) of them in a row. */
static void take_largest(row_sums * sums, const float * z, int64_t begin, int64_t n) {
    const row_sums before = *sums;
    for (int64_t i = 0; i < n; i++) {
        if (z[i] > sums->first) {
            sums->second = sums->first;
            sums->argsecond = sums->argmax;
            sums->first = z[i];
            sums->argmax = begin + i;
        } else if (z[i] > sums->second) {
            sums->second = z[i];
            sums->argsecond = begin + i;
        }
    }
    move_largest(sums, &before);
}

static void add_run(row_sums * sums, const float * z, int64_t n) {
    float sum = 0.0f, weighted = 0.0f;
    const float second = sums->second;
#pragma omp simd reduction(+ : sum, weighted)
    for (int64_t i = 0; i < n; i++) {
        float d = z[i] - second;
        d = d > LOWEST ? d : LOWEST;
        float e = exp_nonpositive(d);
        sum += e;
        weighted += d * e;
    }
    sums->others += sum;
    sums->weighted += weighted;
}

static void add_block(row_sums * sums, const float * z, int64_t begin, int64_t n) {
    const int64_t largest = sums->argmax - begin;
    if (largest < 0 || largest >= n) {
        add_run(sums, z, n);
    } else {
        add_run(sums, z, largest);
        add_run(sums, z + largest + 1, n - largest - 1);
    }
}

static row_sums empty_sums(void) {
    return (row_sums){ .first = -INFINITY, .second = -INFINITY };
}

static void extend_sums(row_sums * sums, const float * z, int64_t begin, int64_t n) {
    if (block_max(z, n) > sums->second) {
        take_largest(sums, z, begin, n);
    }
    if (sums->second > -INFINITY) {
        add_block(sums, z, begin, n);
    }
}

/* ----------------------------------------------------------------------------- the result */

/* Probability of all but the largest, as a multiple of the largest's. */
static double tail_of(const row_sums * sums) {
    return exp((double) sums->second - (double) sums->first) * sums->others;
}

static void write_statistics(const row_sums * sums, hoshi_rows * out, int64_t row) {
    const double scale = exp((double) sums->second - (double) sums->first);
    const double tail = tail_of(sums);
    const double gap = tail > 0.0 ? (double) sums->second - (double) sums->first : 0.0;
    out->rest[row] = tail / (1.0 + tail);
    out->top2[row] = scale / (1.0 + tail);
    out->entropy[row] = log1p(tail) - (scale * sums->weighted + gap * tail) / (1.0 + tail);
}

static void write_token(const row_sums * sums, float z, int64_t token, hoshi_rows * out, int64_t row) {
    out->tokens[row] = (int32_t) token;
    out->runner_up[row] = (int32_t) (token == sums->argmax ? sums->argsecond : sums->argmax);
    out->probability[row] = (float) (exp((double) z - (double) sums->first) / (1.0 + tail_of(sums)));
}

/* Logits [begin, end) of the row that probabilities are told of: `y` where that is a copy of our own,
 * else the row as it was edited. */
static const float * told_block(const row_view * view, const hoshi_rule * rule, const float * y,
                                int64_t begin, int64_t end, float * block) {
    return y ? y + begin : read_block(view, rule, begin, end, block);
}

/* The likeliest tokens and their log-probabilities, and that of the proposed one: a reading of the row
 * more, for those who ask. sums: of the row that is told of. */
static void write_likeliest(const row_view * view, const hoshi_rule * rule, const float * y,
                            const row_sums * sums, int64_t token, hoshi_rows * out) {
    if (out->logprob == NULL) {
        return;
    }
    float buffer[BLOCK];
    const int64_t place = view->row * out->keep;
    largest kept = { out->likeliest + place, out->logprobs + place, out->keep, 0 };
    for (int64_t begin = 0; begin < view->n_vocab && kept.wanted > 0; begin += BLOCK) {
        const int64_t end = block_end(begin, view->n_vocab);
        const float * block = told_block(view, rule, y, begin, end, buffer);
        if (block_max(block, end - begin) > least_kept(&kept)) {
            keep_largest(&kept, block, begin, end - begin);
        }
    }
    const double scale = log1p(tail_of(sums));
    for (int32_t i = 0; i < kept.count; i++) {
        kept.values[i] = kept.values[i] - (double) sums->first - scale;
    }
    const float z = *told_block(view, rule, y, token, token + 1, buffer);
    out->logprob[view->row] = (double) z - (double) sums->first - scale;
}

/* Greedy and unfiltered: everything in one reading of the row. */
static void reduce_greedy(const row_view * view, const hoshi_rule * rule, hoshi_rows * out) {
    float buffer[BLOCK];
    row_sums sums = empty_sums();
    for (int64_t begin = 0; begin < view->n_vocab; begin += BLOCK) {
        int64_t end = block_end(begin, view->n_vocab);
        extend_sums(&sums, read_block(view, rule, begin, end, buffer), begin, end - begin);
    }
    write_statistics(&sums, out, view->row);
    write_token(&sums, sums.first, sums.argmax, out, view->row);
    write_likeliest(view, rule, NULL, &sums, sums.argmax, out);
}

/* ------------------------------------------------------------------------------- filters */

/* Candidates in the order in which the filters rank them: by logit, then by id. */
static int compare_candidates(const void * left, const void * right) {
    const struct candidate * a = left;
    const struct candidate * b = right;
    if (a->value != b->value) {
        return a->value < b->value ? 1 : -1;
    }
    return a->token < b->token ? -1 : a->token > b->token;
}

static int bucket_of(float y) {
    float depth = -y * ((float) BUCKETS / BUCKET_RANGE);
    return depth < (float) (BUCKETS - 1) ? (int) depth : BUCKETS - 1;
}

static int64_t collect_bucket(const float * y, int64_t n, int bucket, struct candidate * found) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        if (y[i] > -INFINITY && bucket_of(y[i]) == bucket) {
            found[count++] = (struct candidate){ y[i], (int32_t) i };
        }
    }
    qsort(found, (size_t) count, sizeof *found, compare_candidates);
    return count;
}

/* Drops everything that ranks behind `last`. */
static void keep_through(float * y, int64_t n, struct candidate last) {
    for (int64_t i = 0; i < n; i++) {
        bool stays = y[i] > last.value || (y[i] == last.value && i <= last.token);
        y[i] = stays ? y[i] : -INFINITY;
    }
}

/* The last token that top-p keeps lies in the bucket where the mass before a token first exceeds
 * p; only that bucket is sorted. y: logits over temperature, their maximum subtracted. */
static void apply_top_p(float * y, int64_t n, double top_p, struct candidate * candidates) {
    double mass[BUCKETS] = { 0 };
    double total = 0.0;
    for (int64_t i = 0; i < n; i++) {
        if (y[i] > -INFINITY) {
            mass[bucket_of(y[i])] += exp_nonpositive(y[i]);
        }
    }
    for (int b = 0; b < BUCKETS; b++) {
        total += mass[b];
    }
    const double limit = top_p * total * (1.0 + 1e-7); /* single-precision mass: equal means equal */
    double before = 0.0;
    int bucket = 0;
    while (bucket < BUCKETS - 1 && before + mass[bucket] <= limit) {
        before += mass[bucket++];
    }
    int64_t count = collect_bucket(y, n, bucket, candidates);
    struct candidate last = { -INFINITY, INT32_MAX };
    for (int64_t i = 0; i < count; i++) {
        if (before > limit) {
            break;
        }
        last = candidates[i];
        before += exp((double) candidates[i].value);
    }
    keep_through(y, n, last);
}

static void apply_top_k(float * y, int64_t n, int64_t top_k, struct candidate * candidates) {
    int64_t counts[BUCKETS] = { 0 };
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        if (y[i] > -INFINITY) {
            counts[bucket_of(y[i])]++;
            total++;
        }
    }
    if (top_k >= total) {
        return;
    }
    int64_t before = 0;
    int bucket = 0;
    while (before + counts[bucket] < top_k) {
        before += counts[bucket++];
    }
    collect_bucket(y, n, bucket, candidates);
    struct candidate last = { candidates[top_k - before - 1].value, INT32_MAX }; /* ties stay */
    keep_through(y, n, last);
}

/* ------------------------------------------------------------------------------- drawing */

/* The sum of exp(y - maximum), and that of each block. */
static double sum_blocks(const float * y, int64_t n, float maximum, double * block_sums) {
    double total = 0.0;
    for (int64_t begin = 0; begin < n; begin += BLOCK) {
        const int64_t end = block_end(begin, n);
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = begin; i < end; i++) {
            sum += exp_nonpositive(y[i] - maximum);
        }
        block_sums[begin / BLOCK] = sum;
        total += sum;
    }
    return total;
}

/* Inverse of the cumulative distribution in token order: first the block, then the token. */
static int64_t draw_token(const float * y, const row_sums * sums, int64_t n, double u, double * block_sums) {
    const double target = u * sum_blocks(y, n, sums->first, block_sums);
    int64_t n_blocks = (n + BLOCK - 1) / BLOCK;
    double before = 0.0;
    int64_t block = 0;
    while (block < n_blocks - 1 && before + block_sums[block] <= target) {
        before += block_sums[block++];
    }
    int64_t chosen = -1;
    for (int64_t i = block * BLOCK; i < block_end(block * BLOCK, n); i++) {
        if (y[i] == -INFINITY) {
            continue;
        }
        chosen = i;
        before += exp_nonpositive(y[i] - sums->first);
        if (before > target) {
            break;
        }
    }
    return chosen >= 0 ? chosen : sums->argmax;
}

/* argmax of z - T ln(-ln u), u one number per logit (LLaDA's Gumbel form, in double precision).
 * Since -ln u >= 1 - u, a logit cannot win unless 1 - u is below exp((z - best) / T): nearly all
 * logits are ruled out by that comparison, without a logarithm. y: logits, maximum subtracted. */
static int64_t draw_gumbel(const float * y, int64_t n, double temperature, uint64_t key) {
    double best = -INFINITY;
    int64_t chosen = 0;
    for (int64_t i = 0; i < n; i++) {
        if (y[i] == -INFINITY) {
            continue;
        }
        double u = uniform_of_token(key, (uint64_t) i);
        double gap = ((double) y[i] - best) / temperature;
        if (gap < 0.0 && 1.0 - u > 1.0001 * (double) exp_nonpositive((float) gap) + 1e-37) {
            continue;
        }
        double score = (double) y[i] - temperature * log(-log(u));
        if (score > best) {
            best = score;
            chosen = i;
        }
    }
    return chosen;
}

/* --------------------------------------------------------------------------- general rows */

static row_sums load_row(const row_view * view, const hoshi_rule * rule, float * z) {
    float buffer[BLOCK];
    row_sums sums = empty_sums();
    for (int64_t begin = 0; begin < view->n_vocab; begin += BLOCK) {
        int64_t end = block_end(begin, view->n_vocab);
        const float * block = read_block(view, rule, begin, end, buffer);
        memcpy(z + begin, block, (size_t) (end - begin) * sizeof *z);
        extend_sums(&sums, block, begin, end - begin);
    }
    return sums;
}

static row_sums sum_row(const float * y, int64_t n) {
    row_sums sums = empty_sums();
    for (int64_t begin = 0; begin < n; begin += BLOCK) {
        extend_sums(&sums, y + begin, begin, block_end(begin, n) - begin);
    }
    return sums;
}

static void temper(float * y, int64_t n, float maximum, float temperature) {
    const float divisor = temperature > 0.0f ? temperature : 1.0f;
    for (int64_t i = 0; i < n; i++) {
        y[i] = (y[i] - maximum) / divisor;
    }
}

static void reduce_gumbel(const row_view * view, const hoshi_rule * rule, const scratch * work, hoshi_rows * out) {
    row_sums sums = load_row(view, rule, work->values);
    const row_sums clean = sums;
    uint64_t key = random_key(rule->seed, HOSHI_STREAM_GUMBEL, rule->step, (uint64_t) view->position);
    temper(work->values, view->n_vocab, sums.first, 0.0f);
    int64_t token = draw_gumbel(work->values, view->n_vocab, rule->temperature, key);
    if (!rule->clean) {
        temper(work->values, view->n_vocab, 0.0f, rule->temperature);
        sums = sum_row(work->values, view->n_vocab);
    } else {
        sums.second -= sums.first;
        sums.first = 0.0f;
    }
    write_statistics(&sums, out, view->row);
    write_token(&sums, work->values[token], token, out, view->row);
    write_likeliest(view, rule, rule->clean ? NULL : work->values, rule->clean ? &clean : &sums, token, out);
}

static void reduce_filtered(const row_view * view, const hoshi_rule * rule, const scratch * work, hoshi_rows * out) {
    float * y = work->values;
    const int64_t n = view->n_vocab;
    row_sums clean = load_row(view, rule, y);
    temper(y, n, clean.first, rule->temperature);
    if (rule->top_p < 1.0f) {
        apply_top_p(y, n, rule->top_p, work->candidates);
    }
    if (rule->top_k > 0) {
        apply_top_k(y, n, rule->top_k, work->candidates);
    }
    row_sums sums = sum_row(y, n);
    int64_t token = sums.argmax;
    if (rule->temperature > 0.0f) {
        uint64_t key = random_key(rule->seed, HOSHI_STREAM_DRAW, rule->step, (uint64_t) view->position);
        token = draw_token(y, &sums, n, uniform(key), work->block_sums);
    }
    float scale = rule->temperature > 0.0f ? rule->temperature : 1.0f;
    float z = rule->clean ? clean.first + y[token] * scale : y[token];
    const row_sums * chosen = rule->clean ? &clean : &sums;
    write_statistics(chosen, out, view->row);
    write_token(chosen, z, token, out, view->row);
    write_likeliest(view, rule, rule->clean ? NULL : y, chosen, token, out);
}

static bool is_greedy(const hoshi_rule * rule) {
    bool filtered = rule->top_p < 1.0f || rule->top_k > 0;
    return rule->temperature <= 0.0f && (!filtered || rule->clean);
}

/* ------------------------------------------------------------------------------- threads */

typedef struct {
    const float *      conditional;
    const float *      unconditional;
    const int64_t *    positions;
    const hoshi_rule * rule;
    hoshi_rows *       out;
    int64_t            n_rows;
    int64_t            n_vocab;
    _Atomic int64_t    next;
    _Atomic int        failed;
} job;

static scratch allocate_scratch(const hoshi_rule * rule, int64_t n_vocab) {
    scratch work = { NULL, NULL, NULL };
    if (is_greedy(rule)) {
        return work;
    }
    work.values = malloc((size_t) n_vocab * sizeof *work.values);
    work.block_sums = malloc((size_t) ((n_vocab + BLOCK - 1) / BLOCK) * sizeof *work.block_sums);
    work.candidates = malloc((size_t) n_vocab * sizeof *work.candidates);
    return work;
}

static void free_scratch(scratch * work) {
    free(work->values);
    free(work->block_sums);
    free(work->candidates);
}

static void reduce_row(const row_view * view, const hoshi_rule * rule, const scratch * work, hoshi_rows * out) {
    if (is_greedy(rule)) {
        reduce_greedy(view, rule, out);
    } else if (rule->gumbel && rule->temperature > 0.0f) {
        reduce_gumbel(view, rule, work, out);
    } else {
        reduce_filtered(view, rule, work, out);
    }
}

static void * run_job(void * argument) {
    job * j = argument;
    scratch work = allocate_scratch(j->rule, j->n_vocab);
    if (!is_greedy(j->rule) && (!work.values || !work.block_sums || !work.candidates)) {
        atomic_store(&j->failed, HOSHI_NO_MEMORY);
        free_scratch(&work);
        return NULL;
    }
    for (int64_t row; (row = atomic_fetch_add(&j->next, 1)) < j->n_rows;) {
        if (hoshi_interrupted()) {
            atomic_store(&j->failed, HOSHI_INTERRUPTED);
            break;
        }
        const float * unconditional = j->unconditional ? j->unconditional + row * j->n_vocab : NULL;
        row_view view = { j->conditional + row * j->n_vocab, unconditional, j->n_vocab, row, j->positions[row] };
        reduce_row(&view, j->rule, &work, j->out);
    }
    free_scratch(&work);
    return NULL;
}

static int64_t useful_threads(const job * j, int32_t wanted) {
    int64_t by_work = 1 + j->n_rows * j->n_vocab / LOGITS_PER_THREAD;
    int64_t n = wanted < by_work ? wanted : by_work;
    n = n < j->n_rows ? n : j->n_rows;
    return n < MAX_THREADS ? n : MAX_THREADS;
}

int hoshi_reduce_rows(const float * conditional, const float * unconditional, int64_t n_rows, int64_t n_vocab,
                      const int64_t * positions, const hoshi_rule * rule, int32_t n_threads, hoshi_rows * out) {
    job j = { conditional, unconditional, positions, rule, out, n_rows, n_vocab, 0, 0 };
    pthread_t threads[MAX_THREADS];
    int64_t n_started = 0;
    for (int64_t wanted = useful_threads(&j, n_threads) - 1; n_started < wanted; n_started++) {
        if (pthread_create(&threads[n_started], NULL, run_job, &j) != 0) {
            break; /* the threads that exist do the work */
        }
    }
    run_job(&j);
    for (int64_t i = 0; i < n_started; i++) {
        pthread_join(threads[i], NULL);
    }
    return atomic_load(&j.failed);
}
