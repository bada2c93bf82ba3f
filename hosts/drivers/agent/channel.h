// What a channel is: one command or one file on its way, named by the host's id.
#ifndef COWWEB_CHANNEL_H
#define COWWEB_CHANNEL_H

#include "agent.h"

enum { FREE, COMMAND, FILE_IN, FILE_OUT };
enum { INPUT, OUTPUT, ERRORS, ENDS };

struct channel {
	uint32_t id, credit, value;  // value: exit status
	int kind, error;
	bool attached, discarded, over, input_over;  // over: the command ended, or the file is done with
	pid_t pid;
	int fd[ENDS];
	bool ready[ENDS];
	mode_t mode;
	size_t from, to;
	unsigned char input[STDIN_WINDOW];  // standard input on its way
	char path[PATH_SIZE], part[PATH_SIZE + 32];  // the file, and its name while it is incomplete
};

struct channel *channel_find(uint32_t id);
struct channel *channel_take(uint32_t id, int kind);  // NULL when there is none; the host has been told
void channel_started(const struct channel *c, uint32_t window);
void channel_taken(const struct channel *c, size_t length);
void channel_end(struct channel *c, int error, uint32_t value);
void channel_release(struct channel *c);
void channel_watch(const struct channel *c, int end);
void file_data(struct channel *c, const unsigned char *bytes, size_t length);

#endif
