// A client of libmosquitto for bench -mqtt. It keeps messages of QoS 1 in flight on one
// connection, and prints how many were acknowledged, in how many seconds, with how many
// nanoseconds of CPU time.
//
//	publish HOST PORT WINDOW SIZE WARM SPAN     (WARM and SPAN in seconds)

#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static int window, size, inflight, connected;
static long acknowledged;

static void on_connect(struct mosquitto *m, void *data, int code)
{
	(void)m;
	(void)data;
	if (code != 0) {
		fprintf(stderr, "CONNACK %d\n", code);
		exit(1);
	}
	connected = 1;
}

static void on_publish(struct mosquitto *m, void *data, int mid)
{
	(void)m;
	(void)data;
	(void)mid;
	inflight--;
	acknowledged++;
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e9 +
	       (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e3;
}

static void must(int code, const char *what)
{
	if (code != MOSQ_ERR_SUCCESS) {
		fprintf(stderr, "%s: %s\n", what, mosquitto_strerror(code));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 7) {
		fprintf(stderr, "usage: publish HOST PORT WINDOW SIZE WARM SPAN\n");
		return 2;
	}
	window = atoi(argv[3]);
	size = atoi(argv[4]);
	double warm = atof(argv[5]), span = atof(argv[6]);
	char *payload = calloc(1, size);

	mosquitto_lib_init();
	struct mosquitto *m = mosquitto_new(NULL, true, NULL);
	if (m == NULL || payload == NULL)
		return 1;
	mosquitto_connect_callback_set(m, on_connect);
	mosquitto_publish_callback_set(m, on_publish);
	must(mosquitto_max_inflight_messages_set(m, window), "max_inflight_messages");
	must(mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1), "tcp_nodelay");
	must(mosquitto_connect(m, argv[1], atoi(argv[2]), 60), "connect");

	while (!connected)
		must(mosquitto_loop(m, 1000, 1), "loop");
	double began = seconds(), now = began, from = 0, used = 0;
	long before = 0;
	while (from == 0 || now - from < span) {
		for (; inflight < window; inflight++)
			must(mosquitto_publish(m, NULL, "bench", size, payload, 1, false), "publish");
		must(mosquitto_loop(m, 1000, 1), "loop");
		now = seconds();
		if (from == 0 && now - began >= warm) {
			from = now;
			used = cpu();
			before = acknowledged;
		}
	}
	printf("%ld %.9f %.0f\n", acknowledged - before, now - from, cpu() - used);
	return 0;
}
