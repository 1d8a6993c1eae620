/* Documents of the table: golden bytes, round trips, and every way of being broken. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/err.h"
#include "core/job.h"
#include "proto/record.h"

enum kind { NODE, JOB, CONTROL, CLAIM, REFUSE, KINDS };

union doc {
    struct node_doc node;
    struct job_doc job;
    struct control_doc control;
    struct claim_doc claim;
    struct refuse_doc refuse;
};

static int encode(enum kind kind, const union doc *doc, struct writer *out)
{
    switch (kind) {
    case NODE:
        return record_encode_node(&doc->node, out);
    case JOB:
        return record_encode_job(&doc->job, out);
    case CONTROL:
        return record_encode_control(&doc->control, out);
    case CLAIM:
        return record_encode_claim(&doc->claim, out);
    case REFUSE:
    case KINDS:
        break;
    }
    return record_encode_refuse(&doc->refuse, out);
}

static int decode(enum kind kind, struct bytes in, struct arena *arena,
                  union doc *ret_doc)
{
    switch (kind) {
    case NODE:
        return record_decode_node(in, arena, &ret_doc->node);
    case JOB:
        return record_decode_job(in, arena, &ret_doc->job);
    case CONTROL:
        return record_decode_control(in, &ret_doc->control);
    case CLAIM:
        return record_decode_claim(in, arena, &ret_doc->claim);
    case REFUSE:
    case KINDS:
        break;
    }
    return record_decode_refuse(in, arena, &ret_doc->refuse);
}

static const struct pair attributes[] = {{"hostname", "alpha"}, {"rack", "r1"}};
static const struct claim_port ports[] = {{"http", 20011}, {"admin", 80}};

static const union doc full[KINDS] = {
    [NODE].node = {.name = "n1",
                   .version = "0.1.0",
                   .address = "127.77.0.1",
                   .cpu_milli = 4000,
                   .memory_bytes = UINT64_C(8) << 30,
                   .state = AGENT_AWAY,
                   .away_until_unix_ms = 1800000000000,
                   .away_ms = 120000,
                   .attributes = attributes,
                   .n_attributes = 2,
                   .key_epoch = 71,
                   .other_key_epoch = 54,
                   .clock_skew_ms = -300},
    [JOB].job = {.spec = {{1, 2, 3}},
                 .version = 7,
                 .first_stamp = UINT64_MAX,
                 .at_unix_ms = 1700000000000,
                 .by = "n1",
                 .note = "gr\xc3\xbc\xc3\x9f dich",
                 .previous = {{1, 2, 2}}},
    [CONTROL].control = {.is_stopped = true,
                         .has_count = true,
                         .count = 0,
                         .scaled_unix_ms = 1700000000000,
                         .scaled_by = "root@n1",
                         .restart_at = 300},
    [CLAIM].claim = {.generation = 3,
                     .spec = {{9}},
                     .version = 7,
                     .restart_at = 1,
                     .state = INSTANCE_RUNNING,
                     .health = HEALTH_PASSING,
                     .is_proven = true,
                     .claimed_unix_ms = 1700000000000,
                     .started_unix_ms = 1700000000123,
                     .pid = 4242,
                     .restarts = 2,
                     .has_exit = true,
                     .last_exit = {EXIT_BY_SIGNAL, .number = 9, .is_oom = true},
                     .reason = "most room",
                     .ports = ports,
                     .n_ports = 2},
    [REFUSE].refuse = {.until_unix_ms = 1700000000000,
                       .spec = {{5}},
                       .reason = "crashed"},
};

#define ZEROS_29 "0000000000000000000000000000000000000000000000000000000000"
#define ZEROS_31 ZEROS_29 "0000"

static const char *const golden[KINDS] = {
    [NODE] = "8c01a26e3102a5302e312e3003aa3132372e37372e302e3104cd0fa005cf000000020000000"
             "0060207cf"
             "000001a3185c50000882a8686f73746e616d65a5616c706861a47261636ba2723109470a360"
             "bd1fed40cce0001d4c0",
    [JOB] = "8701c420010203" ZEROS_29
            "020703cfffffffffffffffff04cf0000018bcfe5680005a26e3106ab67"
            "72c3bcc39f206469636807c420010202" ZEROS_29,
    [CONTROL] = "8501c3020003cd012c0aa7726f6f74406e310bcf0000018bcfe56800",
    [CLAIM] = "8f010302c42009" ZEROS_31 "03070401050206"
              "0207c308cf0000018bcfe5680009cf0000018bcfe5687b0acd10920b020ccc890da96d6f"
              "737420726f6f6d0e82a468747470cd4e2ba561646d696e50"
              "10cf0000000900000102",
    [REFUSE] = "8301cf0000018bcfe5680002c42005" ZEROS_31 "03a763726173686564",
};

static struct bytes unhex(const char *text, uint8_t *out)
{
    size_t len = strlen(text) / 2;
    cr_assert_eq(hex_decode(text, strlen(text), out, len), 0, "%s", text);
    return (struct bytes){out, len};
}

Test(record, is_these_bytes)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        uint8_t buf[1024];
        char hex[2049];
        struct writer w = writer_of(buf, sizeof(buf));
        cr_assert_eq(encode(kind, &full[kind], &w), 0);
        hex_encode(buf, w.len, hex);
        cr_expect_str_eq(hex, golden[kind], "kind %d: %s", kind, hex);
    }
}

Test(record, comes_back_and_is_written_the_same)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        uint8_t first[1024], second[1024];
        struct arena arena;
        union doc doc;
        arena_init(&arena, 0);
        struct bytes in = unhex(golden[kind], first);
        cr_assert_eq(decode(kind, in, &arena, &doc), 0, "kind %d", kind);
        struct writer w = writer_of(second, sizeof(second));
        cr_assert_eq(encode(kind, &doc, &w), 0);
        cr_expect(bytes_equal(in, writer_done(&w)), "kind %d", kind);
        arena_fini(&arena);
    }
}

Test(record, of_a_claim_holds_every_field)
{
    uint8_t buf[1024];
    struct arena arena;
    struct claim_doc doc;
    arena_init(&arena, 0);
    cr_assert_eq(record_decode_claim(unhex(golden[CLAIM], buf), &arena, &doc), 0);
    cr_expect_eq(doc.generation, 3);
    cr_expect_eq(doc.spec.at[0], 9);
    cr_expect_eq(doc.version, 7);
    cr_expect_eq(doc.restart_at, 1);
    cr_expect_eq(doc.state, INSTANCE_RUNNING);
    cr_expect_eq(doc.health, HEALTH_PASSING);
    cr_expect(doc.is_proven);
    cr_expect_eq(doc.claimed_unix_ms, 1700000000000);
    cr_expect_eq(doc.started_unix_ms, 1700000000123);
    cr_expect_eq(doc.pid, 4242);
    cr_expect_eq(doc.restarts, 2);
    cr_expect(doc.has_exit);
    cr_expect_eq(doc.last_exit.kind, EXIT_BY_SIGNAL);
    cr_expect_eq(doc.last_exit.number, 9);
    cr_expect(doc.last_exit.is_oom);
    cr_expect_str_eq(doc.reason, "most room");
    cr_assert_eq(doc.n_ports, 2);
    cr_expect_str_eq(doc.ports[0].name, "http");
    cr_expect_eq(doc.ports[0].port, 20011);
    cr_expect_str_eq(doc.ports[1].name, "admin");
    arena_fini(&arena);
}

/* With the check in trouble a claim has 15 fields, which is what one byte of head can count. */
Test(record, of_a_claim_says_what_a_check_said_and_only_then)
{
    uint8_t buf[1024], cut[1024];
    struct arena arena;
    arena_init(&arena, 0);
    struct claim_doc doc = full[CLAIM].claim, read;
    doc.check = (struct check_doc){.name = "ready",
                                   .said = "answered 500: gr\xc3\xbc\xc3\x9f",
                                   .failures = 70000,
                                   .since_unix_ms = 1700000000123};
    struct writer w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_claim(&doc, &w), 0);
    struct bytes in = writer_done(&w);
    cr_expect_eq(in.at[0], 0xde); /* 16 fields: more than the short head can say */
    cr_assert_eq(record_decode_claim(in, &arena, &read), 0);
    cr_expect_str_eq(read.check.name, "ready");
    cr_expect_str_eq(read.check.said, doc.check.said);
    cr_expect_eq(read.check.failures, 70000);
    cr_expect_eq(read.check.since_unix_ms, 1700000000123);
    cr_expect_eq(read.n_ports, 2);
    for (size_t len = 0; len < in.len; len++) {
        memcpy(cut, in.at, len);
        cr_expect_eq(record_decode_claim((struct bytes){cut, len}, &arena, &read),
                     ERR_MALFORMED);
    }
    doc.check.name = "";
    w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_claim(&doc, &w), 0);
    cr_assert_eq(record_decode_claim(writer_done(&w), &arena, &read), 0);
    cr_expect_str_eq(read.check.name, "");
    cr_expect_str_eq(read.check.said, "");
    arena_fini(&arena);
}

Test(record, of_a_check_is_strict_about_types_and_lenient_about_what_is_new)
{
    static const struct {
        const char *hex;
        int status;
        const char *name;
    } rows[] = {
        {"81148101a161", 0, "a"},
        {"811480", 0, ""},
        {"811482"
         "01a161"
         "0993c3c3c0",
         0, "a"}, /* 9: of a later version */
        {"811482"
         "01a161"
         "01a162",
         ERR_MALFORMED, NULL},
        {"81148101c3", ERR_MALFORMED, NULL},
        {"81148102a2c328", ERR_MALFORMED, NULL},
        {"81148103ff", ERR_MALFORMED, NULL},
        {"8114a161", ERR_MALFORMED, NULL},
        {"811481a16101", ERR_MALFORMED, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t buf[64];
        struct arena arena;
        struct claim_doc doc;
        arena_init(&arena, 0);
        cr_expect_eq(record_decode_claim(unhex(rows[i].hex, buf), &arena, &doc),
                     rows[i].status, "%s", rows[i].hex);
        if (rows[i].status == 0)
            cr_expect_str_eq(doc.check.name, rows[i].name);
        arena_fini(&arena);
    }
}

Test(record, without_fields_reads_as_zero_and_empty_texts)
{
    uint8_t buf[8];
    for (enum kind kind = 0; kind < KINDS; kind++) {
        union doc doc;
        struct arena arena;
        arena_init(&arena, 0);
        memset(&doc, 0xff, sizeof(doc));
        cr_assert_eq(decode(kind, unhex("80", buf), &arena, &doc), 0);
        if (kind == NODE) {
            cr_expect_str_eq(doc.node.name, "");
            cr_expect_eq(doc.node.n_attributes, 0);
        }
        if (kind == CLAIM) {
            cr_expect_str_eq(doc.claim.reason, "");
            cr_expect_str_eq(doc.claim.check.name, "");
            cr_expect_not(doc.claim.has_exit);
            cr_expect_eq(doc.claim.state, INSTANCE_PENDING);
        }
        if (kind == JOB)
            cr_expect_str_eq(doc.job.note, "");
        cr_expect_eq(arena.used, 0);
        arena_fini(&arena);
    }
}

Test(record, skips_what_it_does_not_know)
{
    /* control: 63 => nested things, "x" => ext, 200 => -1, 1 => true */
    uint8_t buf[256];
    struct control_doc doc;
    struct bytes in = unhex("843f93c0ca0000000082a161c403010203a16290"
                            "a178d6010a0b0c0dccc8ff01c3",
                            buf);
    cr_assert_eq(record_decode_control(in, &doc), 0);
    cr_expect(doc.is_stopped);
}

/* As 0.1 writes it: nobody says who scaled it. */
Test(record, of_a_control_may_lack_who_scaled_it)
{
    uint8_t buf[256];
    struct control_doc doc;
    cr_assert_eq(record_decode_control(unhex("8301c3020503cd012c", buf), &doc), 0);
    cr_expect(doc.has_count && doc.count == 5);
    cr_expect_str_eq(doc.scaled_by, "");
    cr_expect_eq(doc.scaled_unix_ms, 0);
}

/* Fields of later versions, absent where they say nothing: what 0.1 wrote stays as it was (see golden). */
Test(record, counters_and_times_of_trying_again_come_back)
{
    uint8_t buf[512];
    struct arena arena;
    struct control_doc control = {.restart_at = 7, .retry_at = UINT64_MAX}, control_back;
    struct claim_doc claim = {.state = INSTANCE_PENDING,
                              .reason = "",
                              .again_unix_ms = 1700000000456},
                     claim_back;
    struct refuse_doc refuse = {.spec = {{5}}, .reason = "no port"}, refuse_back;
    arena_init(&arena, 0);
    struct writer w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_control(&control, &w), 0);
    cr_assert_eq(record_decode_control(writer_done(&w), &control_back), 0);
    cr_assert(control_back.restart_at == 7 && control_back.retry_at == UINT64_MAX);
    cr_assert_eq(control_tried_at(&control_back), UINT64_MAX);
    w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_claim(&claim, &w), 0);
    cr_assert_eq(record_decode_claim(writer_done(&w), &arena, &claim_back), 0);
    cr_assert_eq(claim_back.again_unix_ms, 1700000000456);
    w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_refuse(&refuse, &w), 0);
    cr_assert_eq(record_decode_refuse(writer_done(&w), &arena, &refuse_back), 0);
    cr_assert_eq(refuse_back.until_unix_ms, 0, "it ends with its cause");
    cr_assert_not(refuse_back.is_untried);
    refuse.is_untried = true;
    w = writer_of(w.at, w.cap);
    cr_assert_eq(record_encode_refuse(&refuse, &w), 0);
    cr_assert_eq(record_decode_refuse(writer_done(&w), &arena, &refuse_back), 0);
    cr_assert(refuse_back.is_untried);
    arena_fini(&arena);
}

Test(record, cut_anywhere_is_malformed)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        uint8_t buf[1024];
        struct bytes in = unhex(golden[kind], buf);
        for (size_t len = 0; len < in.len; len++) {
            union doc doc;
            struct arena arena;
            arena_init(&arena, 0);
            cr_expect_eq(decode(kind, (struct bytes){in.at, len}, &arena, &doc),
                         ERR_MALFORMED, "kind %d cut at %zu", kind, len);
            arena_fini(&arena);
        }
    }
}

Test(record, with_bytes_behind_it_is_malformed)
{
    uint8_t buf[1024];
    struct control_doc doc;
    cr_expect_eq(record_decode_control(unhex("8000", buf), &doc), ERR_MALFORMED);
}

Test(record, with_any_byte_changed_is_decoded_or_refused)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        uint8_t buf[1024];
        struct bytes in = unhex(golden[kind], buf);
        for (size_t at = 0; at < in.len; at++) {
            uint8_t was = buf[at];
            for (unsigned value = 0; value < 256; value++) {
                union doc doc;
                struct arena arena;
                arena_init(&arena, 1 << 16);
                buf[at] = (uint8_t)value;
                int error = decode(kind, in, &arena, &doc);
                cr_assert(error == 0 || error == ERR_MALFORMED, "kind %d at %zu = %u: %d",
                          kind, at, value, error);
                arena_fini(&arena);
            }
            buf[at] = was;
        }
    }
}

/* The rows of nodes whose disks are well stay as they were: see golden. */
Test(record, a_disk_in_trouble_is_two_fields_more)
{
    struct node_doc in = {.name = "n1",
                          .version = "",
                          .address = "",
                          .disk = DISK_FULL,
                          .disk_since_unix_ms = 1700000000000};
    struct node_doc out;
    struct arena arena;
    uint8_t buf[64];
    char hex[129];
    struct writer w = writer_of(buf, sizeof(buf));
    arena_init(&arena, 0);
    cr_assert_eq(record_encode_node(&in, &w), 0);
    hex_encode(buf, w.len, hex);
    cr_assert_str_eq(hex, "8301a26e310d010ecf0000018bcfe56800");
    cr_assert_eq(record_decode_node(writer_done(&w), &arena, &out), 0);
    cr_assert_eq(out.disk, DISK_FULL);
    cr_assert_eq(out.disk_since_unix_ms, 1700000000000);
    arena_fini(&arena);
}

Test(record, when_a_node_took_its_name_is_a_field_more)
{
    struct node_doc in = {
        .name = "n1", .version = "", .address = "", .named = UINT64_C(1700000000000) << 16};
    struct node_doc out;
    struct arena arena;
    uint8_t buf[64];
    char hex[129];
    struct writer w = writer_of(buf, sizeof(buf));
    arena_init(&arena, 0);
    cr_assert_eq(record_encode_node(&in, &w), 0);
    hex_encode(buf, w.len, hex);
    cr_assert_str_eq(hex, "8201a26e310fcf018bcfe568000000");
    cr_assert_eq(record_decode_node(writer_done(&w), &arena, &out), 0);
    cr_assert_eq(out.named, in.named);
    arena_fini(&arena);
}

Test(record, of_the_wrong_type_or_range_is_malformed)
{
    static const struct {
        enum kind kind;
        const char *hex, *why;
    } rows[] = {
        {CLAIM, "810507", "a state that is none"},
        {CLAIM, "810604", "a health that is none"},
        {CLAIM, "8105ff", "a negative state"},
        {NODE, "810603", "an agent state that is none"},
        {NODE, "810d03", "a disk state that is none"},
        {CONTROL, "810101", "a number for a bool"},
        {CONTROL, "8102cf0000000100000000", "a count beyond 32 bits"},
        {CONTROL, "8102ff", "a negative count"},
        {CONTROL, "810ad961" ZEROS_29 ZEROS_29 ZEROS_29 "00000000000000000000",
         "97 bytes of who"},
        {CONTROL, "810aa2c328", "who, and no UTF-8"},
        {CONTROL,
         "820101"
         "01c3",
         "a field twice"},
        {CLAIM, "8102c41f" ZEROS_31, "a short hash"},
        {CLAIM,
         "810cd280000000"
         "00",
         "bytes behind"},
        {CLAIM, "810ccf7fffffffffffffff", "an exit beyond 32 bits"},
        {CLAIM, "810dc3", "a bool for a text"},
        {CLAIM, "810da2c328", "no UTF-8"},
        {CLAIM, "810da3eda080", "a surrogate"},
        {CLAIM, "810da2c080", "an overlong NUL"},
        {CLAIM,
         "810da161"
         "00",
         "bytes behind a text"},
        {CLAIM, "810da100", "a NUL in a text"},
        {CLAIM, "810e81a168ce00010000", "a port beyond 16 bits"},
        {CLAIM, "810ede0021", "33 ports"},
        {CLAIM, "810edfffffffff", "four billion ports"},
        {CLAIM, "dfffffffff", "four billion fields"},
        {CLAIM, "813fddffffffff", "four billion unknown elements"},
        {CLAIM, "813fdfffffffff", "four billion unknown pairs"},
        {CLAIM, "813fc6ffffffff", "four unknown gigabytes"},
        {CLAIM, "813fc1", "a type that is never used"},
        {CLAIM, "93010203", "an array"},
        {CLAIM, "c0", "nil"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint8_t buf[256];
        union doc doc;
        struct arena arena;
        arena_init(&arena, 0);
        cr_expect_eq(decode(rows[i].kind, unhex(rows[i].hex, buf), &arena, &doc),
                     ERR_MALFORMED, "%s", rows[i].why);
        arena_fini(&arena);
    }
}

Test(record, nested_without_end_is_skipped_without_a_stack)
{
    enum { DEPTH = 60000 };
    static uint8_t in[2 + DEPTH + 1] = {0x81, 0x3f};
    memset(in + 2, 0x91, DEPTH);
    in[2 + DEPTH] = 0xc0;
    struct control_doc doc;
    cr_expect_eq(record_decode_control((struct bytes){in, sizeof(in)}, &doc), 0);
    cr_expect_eq(record_decode_control((struct bytes){in, sizeof(in) - 1}, &doc),
                 ERR_MALFORMED);
}

Test(record, takes_a_reason_of_any_bytes_and_length)
{
    char long_reason[1000];
    memset(long_reason, 'x', sizeof(long_reason));
    memcpy(long_reason, "bad \xff\xfe, good \xe2\x82\xac: ", 18);
    long_reason[sizeof(long_reason) - 1] = '\0';
    struct refuse_doc doc = {.reason = long_reason};
    uint8_t buf[1024];
    struct arena arena;
    arena_init(&arena, 0);
    struct writer w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_refuse(&doc, &w), 0);
    cr_assert_eq(record_decode_refuse(writer_done(&w), &arena, &doc), 0);
    cr_expect_eq(strlen(doc.reason), REASON_WHOLE_MAX);
    cr_expect_eq(strncmp(doc.reason, "bad ??, good \xe2\x82\xac: x", 19), 0);
    cr_expect_str_eq(doc.reason + REASON_WHOLE_MAX - 4, "x...", "what is cut says so");
    arena_fini(&arena);
}

/* Who knows 160 bytes only has those, with a mark; who knows more has all of it. */
Test(record, says_a_long_reason_whole_to_who_can_read_it)
{
    char reason[301];
    uint8_t buf[1024];
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < 300; i += 2)
        memcpy(reason + i, "\xc3\xa4", 3);
    struct claim_doc doc = {.generation = 1, .reason = reason}, back;
    struct writer w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_claim(&doc, &w), 0);
    cr_assert_eq(record_decode_claim(writer_done(&w), &arena, &back), 0);
    cr_expect_str_eq(back.reason, reason);
    /* The field of its number 31 taken away: what an older version sees. */
    struct bytes all = writer_done(&w);
    const uint8_t *whole = memmem(all.at, all.len, "\x1f\xda\x01\x2c", 4);
    cr_assert_not_null(whole);
    buf[0]--;
    cr_assert_eq(record_decode_claim((struct bytes){buf, (size_t)(whole - buf)}, &arena, &back), 0);
    cr_expect_eq(strlen(back.reason), 159, "cut between characters");
    cr_expect_str_eq(back.reason + 156, "...");
    arena_fini(&arena);
}

Test(record, that_does_not_fit_is_a_bound)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        for (size_t cap = 0; cap < strlen(golden[kind]) / 2; cap++) {
            uint8_t buf[1024];
            struct writer w = writer_of(buf, cap);
            cr_expect_eq(encode(kind, &full[kind], &w), ERR_BOUND, "kind %d cap %zu",
                         kind, cap);
        }
    }
    char long_name[100];
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[99] = '\0';
    uint8_t buf[1024];
    struct writer w = writer_of(buf, sizeof(buf));
    cr_expect_eq(record_encode_node(&(struct node_doc){.name = long_name}, &w),
                 ERR_BOUND);
}

Test(record, without_room_in_the_arena_is_out_of_memory)
{
    uint8_t buf[1024];
    struct claim_doc doc;
    struct bytes in = unhex(golden[CLAIM], buf);
    for (size_t limit = 1; limit < 80; limit += 16) {
        struct arena arena;
        arena_init(&arena, limit);
        cr_expect_eq(record_decode_claim(in, &arena, &doc), -ENOMEM, "limit %zu", limit);
        arena_fini(&arena);
    }
}

Test(record, of_a_claim_is_decoded_in_microseconds)
{
    enum { ROUNDS = 20000 };
    uint8_t buf[1024];
    struct arena arena;
    struct claim_doc doc;
    struct timespec start, end;
    struct bytes in = unhex(golden[CLAIM], buf);
    arena_init(&arena, 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for (int i = 0; i < ROUNDS; i++) {
        cr_assert_eq(record_decode_claim(in, &arena, &doc), 0);
        arena_clear(&arena);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double us = ((double)(end.tv_sec - start.tv_sec) * 1e9 +
                 (double)(end.tv_nsec - start.tv_nsec)) /
                ROUNDS / 1e3;
    cr_log_info("one claim: %.3f us", us);
    cr_expect_lt(us, 20.0, "%.3f us",
                 us); /* unoptimised and sanitized builds are in this too */
    arena_fini(&arena);
}
