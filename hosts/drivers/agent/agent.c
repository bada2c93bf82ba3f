// CoWWeb's guest agent: one process, one virtio port, no threads, no memory that grows.
// Here: the port, the frames, the loop. See agent.h for the protocol.
//
//   cowweb-agent                               in a guest
//   cowweb-agent --listen SOCKET --root DIR    on a host, for trying out: a connection stands for the port
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

enum { QUEUE = 4 * 32 * 1024, PING_MAX = 64 };
enum { ON_PORT = 1 << 16, ON_SIGNAL, ON_LISTENER };  // what an event is about; smaller ones are channels'

const char *root_prefix = "";

static int poller, signals, listener = -1, port = -1;
static bool port_readable, port_writable, is_served;
static unsigned char input[2 * (IN_MAX + HEAD + 1)], queue[QUEUE], request[REQUEST_MAX];
static size_t input_have, queue_from, queue_to, request_have;

int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

void watch(int fd, uint64_t what)
{
	// Edges, not levels: a port without a host, or a pipe that waits for credit, must not keep us awake.
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = what};
	epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

// ---- Frames to the host

unsigned char *frame_room(size_t payload)
{
	size_t frame = HEAD + payload + 1;
	if (QUEUE - (queue_to - queue_from) < frame)
		return NULL;
	if (QUEUE - queue_to < frame) {
		memmove(queue, queue + queue_from, queue_to - queue_from);
		queue_to -= queue_from;
		queue_from = 0;
	}
	return queue + queue_to + HEAD;
}

void frame_seal(int type, uint32_t id, size_t payload)
{
	unsigned char *frame = queue + queue_to;
	frame[0] = MARK;
	frame[1] = (unsigned char)type;
	frame[2] = payload & 255;
	frame[3] = (unsigned char)(payload >> 8);
	put32(frame + 4, id);
	frame[HEAD + payload] = TRAIL;
	queue_to += HEAD + payload + 1;
}

void frame_send(int type, uint32_t id, const void *payload, size_t length)
{
	unsigned char *room = frame_room(length);
	if (!room)
		return;  // cannot be: nothing is taken in without room for its answer
	memcpy(room, payload, length);
	frame_seal(type, id, length);
}

void send_end(uint32_t id, int error, uint32_t value)
{
	unsigned char payload[8];
	put32(payload, (uint32_t)error);
	put32(payload + 4, value);
	frame_send(END, id, payload, sizeof payload);
}

static bool flush(void)
{
	bool moved = false;
	while (port >= 0 && port_writable && queue_from < queue_to) {
		ssize_t wrote = write(port, queue + queue_from, queue_to - queue_from);
		if (wrote <= 0) {
			port_writable = false;
			break;
		}
		queue_from += (size_t)wrote;
		moved = true;
	}
	if (queue_from == queue_to)
		queue_from = queue_to = 0;
	return moved;
}

// ---- Frames from the host

static void hello(const unsigned char *payload, size_t length)
{
	unsigned char answer[6 + 2 + NONCE] = {'C', 'o', 'W', 'W', 'e', 'b', VERSION, 0};
	if (length != 2 + NONCE)
		return;
	is_served = true;
	queue_from = queue_to = 0;  // meant for a host that is gone
	channels_detach();
	memcpy(answer + 8, payload + 2, NONCE);
	frame_send(WELCOME, 0, answer, sizeof answer);
}

static void handle(int type, uint32_t id, const unsigned char *payload, size_t length)
{
	struct span fields = {payload, length};
	switch (type) {
	case HELLO: return hello(payload, length);
	case PING: return length <= PING_MAX ? frame_send(PONG, id, payload, length) : (void)0;
	case IDENTITY: return identity_take(id, fields);
	case EXEC: return neighbour_wake(), channel_exec(id, fields);
	case PUT: return channel_put(id, fields);
	case GET: return channel_get(id, fields);
	case STAT: return channel_stat(id, fields);
	case DATA: return channel_data(id, payload, length);
	case CREDIT: return length == 4 ? channel_credit(id, get32(payload)) : (void)0;
	case KILL: return tree_kill(id, payload, length);
	default: return send_end(id, ENOSYS, 0);
	}
}

static void take_frame(int type, uint32_t id, const unsigned char *payload, size_t length)
{
	if (type == HELLO)
		request_have = 0;
	if (!(type & MORE) && !request_have)
		return handle(type, id, payload, length);
	if (length > REQUEST_MAX - request_have) {
		request_have = 0;
		return send_end(id, E2BIG, 0);
	}
	memcpy(request + request_have, payload, length);
	request_have += length;
	if (type & MORE)
		return;
	handle(type, id, request, request_have);
	explicit_bzero(request, request_have);
	request_have = 0;
}

static void parse(void)
{
	size_t at = 0;
	while (frame_room(REPLY_MAX)) {
		while (at < input_have && input[at] != MARK)
			at++;
		if (input_have - at < HEAD)
			break;
		size_t length = input[at + 2] | (size_t)input[at + 3] << 8;
		if (length > IN_MAX) {
			at++;
			continue;
		}
		if (input_have - at < HEAD + length + 1)
			break;
		if (input[at + HEAD + length] == TRAIL)
			take_frame(input[at + 1], get32(input + at + 4), input + at + HEAD, length);
		at += HEAD + length + 1;
	}
	if (!at)
		return;
	memmove(input, input + at, input_have - at);
	explicit_bzero(input + input_have - at, at);  // keys went through here
	input_have -= at;
}

static bool receive(void)
{
	if (port < 0 || !port_readable || input_have == sizeof input)
		return false;
	ssize_t got = read(port, input + input_have, sizeof input - input_have);
	if (got > 0) {
		input_have += (size_t)got;
		return true;
	}
	port_readable = false;  // 0 from a virtio port: no host at the other end
	if (listener >= 0 && (got == 0 || errno != EAGAIN)) {
		close(port);
		port = -1;
		return true;  // the next one may be waiting already
	}
	return false;
}

// ---- The port

static void wait_for_port(void)
{
	port_driver_load();
	for (int tries = 0; (port = port_open()) < 0; tries++)
		usleep(tries < 100 ? 50 * 1000 : 2000 * 1000);
	port_readable = port_writable = true;
	watch(port, ON_PORT);
	frame_send(BORN, 0, "", 0);
}

static void accept_port(void)
{
	if (listener < 0 || port >= 0)
		return;
	port = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (port < 0)
		return;
	port_readable = port_writable = true;
	watch(port, ON_PORT);
}

// ---- The loop

static void at_port(uint32_t events)
{
	port_readable = port_writable = true;
	if (is_served && events & EPOLLHUP) {
		is_served = false;
		neighbour_rest();
	}
}

static void happened(uint64_t what, uint32_t events)
{
	struct signalfd_siginfo info[8];
	if (what == ON_PORT)
		at_port(events);
	else if (what == ON_SIGNAL)
		while (read(signals, info, sizeof info) > 0)
			channels_reap();
	else if (what != ON_LISTENER)
		channel_ready(what);
}

static void run(void)
{
	struct epoll_event events[32];
	for (;;) {
		accept_port();
		bool moved = receive();
		parse();
		moved |= channels_pump();
		int wait = trees_tick();
		moved |= flush();
		int count = epoll_wait(poller, events, 32, moved ? 0 : wait);
		for (int i = 0; i < count; i++)
			happened(events[i].data.u64, events[i].events);
	}
}

// Before what it wakes, and whatever else the guest is busy with; commands start out as usual.
static void be_prompt(void)
{
	struct sched_param none = {0};
	if (*root_prefix || sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none))
		return;
	setpriority(PRIO_PROCESS, 0, -10);
}

int main(int count, char **arguments)
{
	const char *socket_path = NULL;
	for (int i = 1; i + 1 < count; i += 2) {
		if (!strcmp(arguments[i], "--listen"))
			socket_path = arguments[i + 1];
		else if (!strcmp(arguments[i], "--root"))
			root_prefix = arguments[i + 1];
	}
	be_prompt();
	sigset_t watched;
	sigemptyset(&watched);
	sigaddset(&watched, SIGCHLD);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	poller = epoll_create1(EPOLL_CLOEXEC);
	signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	watch(signals, ON_SIGNAL);
	if (!socket_path)
		wait_for_port();
	else if ((listener = port_listen(socket_path)) < 0)
		return 1;
	else
		watch(listener, ON_LISTENER);
	run();
}
