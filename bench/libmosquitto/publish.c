// A client of libmosquitto for bench -mqtt. It does what the other clients do: see mqttLoad in
// mqtt_load.go, and mqtt_check.go for the payload. One thread calls mosquitto_loop.
//
//	publish ADDRESS KIND SCHEME QOS WINDOW WARM SPAN     (WARM and SPAN as Go prints them)
//
// It prints "ready", then "credit" for each CREDIT_EVERY messages if it only receives, and at the
// end messages, seconds, nanoseconds of user and system time, and how many messages it has
// published.

#include <mosquitto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { SIZE = 64, CREDIT_EVERY = 128 };

static struct mosquitto *m;
static int qos, window, own, receives, credited;
static int subscribed, connected, stopping;
static long published, complete, arrived, allowed;
static unsigned char payload[SIZE];

static void must(int code, const char *what)
{
	if (code != MOSQ_ERR_SUCCESS) {
		fprintf(stderr, "%s: %s\n", what, mosquitto_strerror(code));
		exit(1);
	}
}

static void publish(void)
{
	for (int i = 0; i < 8; i++)
		payload[i] = (uint64_t)published >> (56 - 8 * i);
	published++;
	must(mosquitto_publish(m, NULL, "bench", SIZE, payload, qos, false), "publish");
}

static void on_connect(struct mosquitto *unused, void *data, int code)
{
	(void)unused;
	(void)data;
	if (code != 0) {
		fprintf(stderr, "CONNACK %d\n", code);
		exit(1);
	}
	connected = 1;
}

static void on_subscribe(struct mosquitto *unused, void *data, int mid, int n, const int *granted)
{
	(void)unused, (void)data, (void)mid, (void)n, (void)granted;
	subscribed = 1;
}

static void on_publish(struct mosquitto *unused, void *data, int mid)
{
	(void)unused, (void)data, (void)mid;
	if (!own && !receives && !credited) {
		complete++;
		allowed++;
	}
}

static void on_message(struct mosquitto *unused, void *data, const struct mosquitto_message *msg)
{
	(void)unused, (void)data;
	if (credited) {
		complete += window;
		allowed += window;
		return;
	}
	const unsigned char *p = msg->payload;
	uint64_t n = 0;
	if (msg->payloadlen != SIZE || memcmp(p + 8, payload + 8, SIZE - 8) != 0) {
		fprintf(stderr, "message %ld has another content\n", arrived);
		exit(1);
	}
	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	if (n != (uint64_t)arrived) {
		fprintf(stderr, "message %ld instead of %ld\n", (long)n, arrived);
		exit(1);
	}
	arrived++;
	complete++;
	if (own)
		allowed++;
	else if (complete % CREDIT_EVERY == 0) {
		puts("credit");
		fflush(stdout);
	}
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double nanoseconds(struct timeval t) { return t.tv_sec * 1e9 + t.tv_usec * 1e3; }

static double duration(const char *s)
{
	char *unit;
	double v = strtod(s, &unit);
	if (strcmp(unit, "ms") == 0)
		return v / 1e3;
	if (strcmp(unit, "s") == 0)
		return v;
	fprintf(stderr, "%s is not in s or ms\n", s);
	exit(2);
}

static void loop(void)
{
	for (; allowed > 0 && !stopping; allowed--)
		publish();
	must(mosquitto_loop(m, 1000, 1), "loop");
}

int main(int argc, char **argv)
{
	char *colon = argc == 8 ? strrchr(argv[1], ':') : NULL;
	if (colon == NULL) {
		fprintf(stderr, "usage: publish ADDRESS KIND SCHEME QOS WINDOW WARM SPAN\n");
		return 2;
	}
	*colon = 0;
	own = strcmp(argv[2], "own") == 0;
	receives = strcmp(argv[2], "receive") == 0;
	qos = atoi(argv[4]);
	window = atoi(argv[5]);
	credited = !own && !receives && qos == 0;
	double warm = duration(argv[6]), span = duration(argv[7]);
	for (int i = 8; i < SIZE; i++)
		payload[i] = (i - 8) * 7 + 1;

	mosquitto_lib_init();
	m = mosquitto_new(NULL, true, NULL);
	if (m == NULL)
		return 1;
	mosquitto_connect_callback_set(m, on_connect);
	mosquitto_subscribe_callback_set(m, on_subscribe);
	mosquitto_publish_callback_set(m, on_publish);
	mosquitto_message_callback_set(m, on_message);
	must(mosquitto_max_inflight_messages_set(m, window), "max_inflight_messages");
	must(mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1), "tcp_nodelay");
	must(mosquitto_connect(m, argv[1], atoi(colon + 1), 60), "connect");
	while (!connected)
		loop();
	if (own || receives || credited) {
		must(mosquitto_subscribe(m, NULL, credited ? "credit" : "bench", credited ? 0 : qos), "subscribe");
		while (!subscribed)
			loop();
	}
	puts("ready");
	fflush(stdout);

	allowed = receives ? 0 : credited ? 2 * window : window;
	double began = seconds(), from = 0, now = began;
	struct rusage before, after;
	for (; now - began < warm; now = seconds())
		loop();
	from = now;
	getrusage(RUSAGE_SELF, &before);
	long first = complete;
	for (; now - from < span || (complete == first && now - from < 10); now = seconds())
		loop();
	getrusage(RUSAGE_SELF, &after);
	long messages = complete - first;
	stopping = 1;
	while (!receives && complete < published)
		loop();
	if (own && arrived != published)
		return 1;
	printf("%ld %.9f %.0f %.0f %ld\n", messages, now - from,
	       nanoseconds(after.ru_utime) - nanoseconds(before.ru_utime),
	       nanoseconds(after.ru_stime) - nanoseconds(before.ru_stime), published);
	return 0;
}
