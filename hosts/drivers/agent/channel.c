// Channels: what moves between the port and the pipes. None holds output: what the host has not asked for
// stays in the pipe, and there it stops the command.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"

static struct channel channels[CHANNELS];

struct channel *channel_find(uint32_t id)
{
	for (int i = 0; i < CHANNELS; i++)
		if (channels[i].kind != FREE && channels[i].id == id)
			return &channels[i];
	return NULL;
}

static void close_end(struct channel *c, int end)
{
	if (c->fd[end] >= 0)
		close(c->fd[end]);
	c->fd[end] = -1;
	c->ready[end] = false;
}

void channel_release(struct channel *c)
{
	for (int end = 0; end < ENDS; end++)
		close_end(c, end);
	c->kind = FREE;
}

struct channel *channel_take(uint32_t id, int kind)
{
	struct channel *chosen = NULL;
	if (channel_find(id)) {
		send_end(id, EEXIST, 0);
		return NULL;
	}
	for (int i = 0; i < CHANNELS && (!chosen || chosen->kind != FREE); i++)
		if (channels[i].kind == FREE || (channels[i].over && !channels[i].attached))
			chosen = &channels[i];  // at worst forgets a result that nobody came for
	if (!chosen) {
		send_end(id, EBUSY, 0);
		return NULL;
	}
	if (chosen->kind != FREE)
		channel_release(chosen);
	memset(chosen, 0, offsetof(struct channel, input));
	chosen->id = id;
	chosen->kind = kind;
	chosen->attached = true;
	for (int end = 0; end < ENDS; end++)
		chosen->fd[end] = -1;
	return chosen;
}

void channel_started(const struct channel *c, uint32_t window)
{
	unsigned char payload[8];
	put32(payload, (uint32_t)c->pid);
	put32(payload + 4, window);
	frame_send(STARTED, c->id, payload, sizeof payload);
}

void channel_taken(const struct channel *c, size_t length)
{
	unsigned char count[4];
	put32(count, (uint32_t)length);
	frame_send(TAKEN, c->id, count, sizeof count);
}

void channel_end(struct channel *c, int error, uint32_t value)
{
	send_end(c->id, error, value);
	channel_release(c);
}

void channel_watch(const struct channel *c, int end)
{
	watch(c->fd[end], (uint64_t)(c - channels) * ENDS + (uint64_t)end);
}

void channels_reap(void)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (int i = 0; i < CHANNELS; i++) {
			struct channel *c = &channels[i];
			if (c->kind != COMMAND || c->pid != pid)
				continue;
			c->value = WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 128u + (uint32_t)WTERMSIG(status);
			c->over = true;
			close_end(c, INPUT);
			c->ready[OUTPUT] = c->fd[OUTPUT] >= 0;  // what it left in its pipes, whether an event came or not
			c->ready[ERRORS] = c->fd[ERRORS] >= 0;
		}
}

// ---- What moves

static void input_data(struct channel *c, const unsigned char *bytes, size_t length)
{
	if (c->input_over || c->fd[INPUT] < 0)  // it does not read: say so by taking everything
		return length ? channel_taken(c, length) : (void)0;
	if (!length)
		c->input_over = true;
	if (length > sizeof c->input - (c->to - c->from))
		return;  // beyond the window
	memmove(c->input, c->input + c->from, c->to - c->from);
	c->to -= c->from;
	c->from = 0;
	memcpy(c->input + c->to, bytes, length);
	c->to += length;
	c->ready[INPUT] = true;
}

void channel_data(uint32_t id, const void *bytes, size_t length)
{
	struct channel *c = channel_find(id);
	if (c && c->kind == FILE_IN)
		file_data(c, bytes, length);
	else if (c && c->kind == COMMAND)
		input_data(c, bytes, length);
}

void channel_credit(uint32_t id, uint32_t count)
{
	struct channel *c = channel_find(id);
	if (!c)
		return;
	c->attached = true;
	c->credit = count > UINT32_MAX - c->credit ? UINT32_MAX : c->credit + count;
}

void channel_ready(uint64_t what)
{
	struct channel *c = &channels[what / ENDS];
	int end = (int)(what % ENDS);
	c->ready[end] = c->fd[end] >= 0;
}

static bool pump_input(struct channel *c)
{
	if (!c->ready[INPUT] || c->kind != COMMAND || !frame_room(REPLY_MAX))
		return false;
	ssize_t wrote = c->to > c->from ? write(c->fd[INPUT], c->input + c->from, c->to - c->from) : 0;
	if (wrote < 0 && errno == EAGAIN) {
		c->ready[INPUT] = false;
		return false;
	}
	size_t used = wrote < 0 ? c->to - c->from : (size_t)wrote;
	c->from += used;
	if (used && c->attached)
		channel_taken(c, used);
	if (wrote < 0 || (c->input_over && c->from == c->to))
		close_end(c, INPUT);
	else if (c->from == c->to)
		c->ready[INPUT] = false;
	return used > 0;
}

static bool pump_output(struct channel *c, int end, int type)
{
	static unsigned char scrap[OUT_MAX];
	size_t wanted = c->discarded || c->credit > OUT_MAX ? OUT_MAX : c->credit;
	unsigned char *room = c->discarded ? scrap : frame_room(OUT_MAX);
	if (!c->ready[end] || !wanted || !room)
		return false;
	ssize_t got = read(c->fd[end], room, wanted);
	if (got > 0 && !c->discarded) {
		frame_seal(type, c->id, (size_t)got);
		c->credit -= (uint32_t)got;
	}
	if (got > 0)
		return true;
	if (got < 0 && errno == EAGAIN) {
		c->ready[end] = false;
		return false;
	}
	if (got < 0)
		c->error = errno;
	close_end(c, end);
	return true;
}

static bool finish(struct channel *c)
{
	// Not when its pipes are closed: something it started may hold them open for ever.
	if (!c->over || c->ready[OUTPUT] || c->ready[ERRORS] || !c->attached || !frame_room(REPLY_MAX))
		return false;
	channel_end(c, c->error, c->value);
	return true;
}

bool channels_pump(void)
{
	static int first;  // a different one each time, or a loud command would starve the others
	bool moved = false;
	first++;
	for (int i = 0; i < CHANNELS; i++) {
		struct channel *c = &channels[(unsigned)(first + i) % CHANNELS];
		if (c->kind == FREE)
			continue;
		moved |= pump_input(c);
		moved |= pump_output(c, OUTPUT, STDOUT);
		moved |= pump_output(c, ERRORS, STDERR);
		moved |= finish(c);
	}
	return moved;
}

void channels_detach(void)
{
	for (int i = 0; i < CHANNELS; i++) {
		struct channel *c = &channels[i];
		if (c->kind == FILE_IN)
			unlink(c->part);
		if (c->kind == FILE_IN || c->kind == FILE_OUT)
			channel_release(c);
		c->attached = false;
		c->credit = 0;
	}
}

pid_t channel_discard(uint32_t id)
{
	struct channel *c = channel_find(id);
	if (!c || c->kind != COMMAND)
		return 0;
	c->discarded = c->attached = true;
	close_end(c, INPUT);
	return c->over ? 0 : c->pid;
}
