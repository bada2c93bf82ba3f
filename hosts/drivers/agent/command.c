// Commands: `sh -c` in a session of its own, with pipes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"

enum { ENV_MAX = 256, PIPE_BYTES = 256 * 1024 };
extern char **environ;

// Fields: tag C the command, R its token, V an environment entry, D its folder, I has input

struct command {
	char *words[4], *env[ENV_MAX + 1];
	char text[REQUEST_MAX], folder[PATH_SIZE];
	bool has_input;
};

static void set_env(struct command *command, char *entry)
{
	size_t name = (size_t)(strchrnul(entry, '=') - entry) + 1;
	int i = 0;
	while (command->env[i] && strncmp(command->env[i], entry, name) != 0)
		i++;
	if (i < ENV_MAX)
		command->env[i] = entry;
}

static void usual_env(struct command *command)
{
	memset(command->env, 0, sizeof command->env);
	set_env(command, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	set_env(command, "HOME=/root");
	set_env(command, "USER=root");
	set_env(command, "LOGNAME=root");
	set_env(command, "SHELL=/bin/sh");
	for (char **entry = environ; *entry && !*root_prefix; entry++)
		if (!strncmp(*entry, "LANG=", 5) || !strncmp(*entry, "TZ=", 3))
			set_env(command, *entry);
}

static int read_command(struct command *command, struct span fields)
{
	struct field field;
	char *free_text = command->text;
	command->has_input = false;
	strcpy(command->folder, "/root");
	command->words[2] = NULL;
	usual_env(command);
	while (next_field(&fields, &field)) {
		size_t room = sizeof command->text - (size_t)(free_text - command->text);
		char *prefix = field.tag == 'R' ? "COWWEB_RUN=" : "";
		size_t skip = strlen(prefix);
		if (field.tag == 'I')
			command->has_input = true;
		else if (field.tag == 'D' && !field_text(&field, command->folder, sizeof command->folder))
			return EINVAL;
		if (!strchr("CRV", field.tag) || !field.tag)
			continue;
		if (room <= skip || !field_text(&field, free_text + skip, room - skip))
			return E2BIG;
		memcpy(free_text, prefix, skip);
		if (field.tag == 'C')
			command->words[2] = free_text;
		else
			set_env(command, free_text);
		free_text += skip + field.length + 1;
	}
	command->words[0] = "sh";
	command->words[1] = "-c";
	command->words[3] = NULL;
	return command->words[2] ? 0 : EINVAL;
}

static int spawn(struct command *command, const int ends[ENDS], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, usual;
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGHUP);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawn_file_actions_init(&actions);
	for (int end = 0; end < ENDS; end++)
		posix_spawn_file_actions_adddup2(&actions, ends[end], end);
	posix_spawn_file_actions_addchdir_np(&actions, access(command->folder, X_OK) ? "/" : command->folder);
	int error = posix_spawn(pid, "/bin/sh", &actions, &attributes, command->words, command->env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error;
}

static int open_ends(struct channel *c, bool has_input, int theirs[ENDS])
{
	for (int end = 0; end < ENDS; end++) {
		int both[2];
		if (end == INPUT && !has_input) {
			theirs[end] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			continue;
		}
		if (pipe2(both, O_CLOEXEC))
			return errno;
		theirs[end] = both[end == INPUT ? 0 : 1];
		c->fd[end] = both[end == INPUT ? 1 : 0];
		fcntl(c->fd[end], F_SETFL, O_NONBLOCK);
		if (end == OUTPUT)
			fcntl(c->fd[end], F_SETPIPE_SZ, PIPE_BYTES);  // fewer switches between it and us
		channel_watch(c, end);
	}
	return 0;
}

void channel_exec(uint32_t id, struct span fields)
{
	static struct command command;
	int theirs[ENDS] = {-1, -1, -1};
	int error = read_command(&command, fields);
	if (error)
		return send_end(id, error, 0);
	struct channel *c = channel_take(id, COMMAND);
	if (!c)
		return;
	error = open_ends(c, command.has_input, theirs);
	if (!error)
		error = spawn(&command, theirs, &c->pid);
	for (int end = 0; end < ENDS; end++)
		if (theirs[end] >= 0)
			close(theirs[end]);
	if (error)
		return channel_end(c, error, 0);
	channel_started(c, STDIN_WINDOW);
}
