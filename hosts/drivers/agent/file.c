// Files: written beside their place and renamed, read as they are, or only looked at.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"

// Fields: tag P the path, M its mode

static int read_path(struct span fields, char *path, mode_t *mode)
{
	struct field field;
	*path = 0;
	while (next_field(&fields, &field)) {
		if (field.tag == 'P' && !field_text(&field, path, PATH_SIZE))
			return ENAMETOOLONG;
		if (field.tag == 'M' && field.length == 4)
			*mode = get32(field.bytes) & 07777;
	}
	return *path ? 0 : EINVAL;
}

void channel_put(uint32_t id, struct span fields)
{
	struct channel *c = channel_take(id, FILE_IN);
	struct stat there;
	if (!c)
		return;
	c->mode = 0644;
	c->error = read_path(fields, c->path, &c->mode);
	if (!c->error && !stat(c->path, &there) && S_ISDIR(there.st_mode))
		c->error = EISDIR;
	if (c->error)
		return channel_end(c, c->error, 0);
	strcpy(stpcpy(c->part, c->path), ".cowweb-XXXXXX");
	c->fd[INPUT] = mkostemp(c->part, O_CLOEXEC);
	if (c->fd[INPUT] < 0)
		return channel_end(c, errno, 0);
	channel_started(c, FILE_WINDOW);
}

static int write_whole(int fd, const unsigned char *bytes, size_t length)
{
	while (length) {
		ssize_t wrote = write(fd, bytes, length);
		if (wrote < 0)
			return errno;
		bytes += wrote;
		length -= (size_t)wrote;
	}
	return 0;
}

void file_data(struct channel *c, const unsigned char *bytes, size_t length)
{
	int error = length ? write_whole(c->fd[INPUT], bytes, length) : 0;
	if (!error && length)
		return channel_taken(c, length);
	if (!error && (fchmod(c->fd[INPUT], c->mode) || rename(c->part, c->path)))
		error = errno;
	if (error)
		unlink(c->part);
	channel_end(c, error, 0);
}

void channel_get(uint32_t id, struct span fields)
{
	struct channel *c = channel_take(id, FILE_OUT);
	struct stat there;
	mode_t unused;
	if (!c)
		return;
	c->error = read_path(fields, c->path, &unused);
	if (c->error)
		return channel_end(c, c->error, 0);
	c->fd[OUTPUT] = open(c->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (c->fd[OUTPUT] < 0 || fstat(c->fd[OUTPUT], &there))
		return channel_end(c, errno, 0);
	if (!S_ISREG(there.st_mode))
		return channel_end(c, S_ISDIR(there.st_mode) ? EISDIR : EINVAL, 0);
	c->over = c->ready[OUTPUT] = true;
	channel_started(c, 0);
}

void channel_stat(uint32_t id, struct span fields)
{
	char path[PATH_SIZE];
	unsigned char payload[28] = {0};
	struct stat there;
	mode_t unused;
	int error = read_path(fields, path, &unused);
	if (!error && stat(path, &there))
		error = errno;
	if (error)
		return send_end(id, error, 0);
	uint64_t size = (uint64_t)there.st_size, changed = (uint64_t)there.st_mtime;
	put32(payload + 8, there.st_mode);
	memcpy(payload + 12, &size, 8);
	memcpy(payload + 20, &changed, 8);
	frame_send(END, id, payload, sizeof payload);
}
