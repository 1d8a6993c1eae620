/* Hostile datagrams: what rejecting one costs, and a source of them.
 *
 *     bench_flood                                  nanoseconds per forged and per replayed datagram
 *     bench_flood ADDRESS:PORT RATE SECONDS        send that many a second (loopback addresses only)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/ids.h"
#include "core/rng.h"
#include "proto/seal.h"

enum { LEN = 200, ROUNDS = 200000, BURST = 64 };

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void measure(void)
{
    struct secret secret;
    uint8_t ours[SESSION_LEN] = {1}, theirs[SESSION_LEN] = {2}, plain[LEN] = {0};
    uint8_t sealed[LEN + SEAL_OVERHEAD], out[LEN + SEAL_OVERHEAD];
    secret_new(&secret);
    struct keyring keys = keyring_of(&secret);
    struct sealer *receiver = sealer_new(&keys, ours),
                  *sender = sealer_new(&keys, theirs);
    int len = sealer_seal(sender, (struct bytes){plain, LEN}, sealed, sizeof(sealed));
    struct bytes in = {sealed, (size_t)len};
    (void)sealer_open(receiver, 0, in, out, sizeof(out));
    double start = seconds();
    for (int i = 0; i < ROUNDS; i++)
        (void)sealer_open(receiver, 0, in, out, sizeof(out));
    printf("replayed: %.0f ns each\n", (seconds() - start) * 1e9 / ROUNDS);
    sealed[LEN] ^= 1;
    start = seconds();
    for (int i = 0; i < ROUNDS; i++)
        (void)sealer_open(receiver, 0, in, out, sizeof(out));
    printf("forged: %.0f ns each\n", (seconds() - start) * 1e9 / ROUNDS);
    sealer_free(receiver);
    sealer_free(sender);
}

static int flood(const char *to, double rate, double duration)
{
    struct endpoint e;
    struct rng rng;
    if (endpoint_parse(to, 7780, &e) < 0 || e.family != 4 || e.address[0] != 127) {
        (void)fprintf(stderr, "want a loopback address, 127.x.y.z:port\n");
        return 2;
    }
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(e.port)};
    memcpy(&sin.sin_addr, e.address, 4);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
        return 1;
    uint64_t sent = 0, words[LEN / 8];
    double start = seconds(), now = start;
    rng_init(&rng, 1);
    for (; now - start < duration; now = seconds()) {
        for (int i = 0; (double)sent < (now - start) * rate && i < BURST; i++, sent++) {
            for (size_t k = 0; k < LEN / 8; k++)
                words[k] = rng_next(&rng);
            memcpy(
                words, "\1\1",
                2); /* the version and epoch of ours: it must be opened to be refused */
            (void)!send(fd, words, sizeof(words), MSG_DONTWAIT);
        }
        if ((double)sent >= (now - start) * rate)
            (void)usleep(100);
    }
    printf("sent %llu in %.1f s: %.0f a second\n", (unsigned long long)sent, now - start,
           (double)sent / (now - start));
    (void)close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    if (seal_init() < 0)
        return 1;
    if (argc == 4)
        return flood(argv[1], strtod(argv[2], NULL), strtod(argv[3], NULL));
    measure();
    return 0;
}
