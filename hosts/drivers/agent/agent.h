// The guest agent's parts and the frames it speaks. Everything is little endian.
//
//   frame:  MARK type length(2) id(4) payload(length) TRAIL
//
// Where a frame may begin, bytes other than MARK are skipped. A host that left in the middle of a frame is
// got over like this: the next one begins with more zeros than a frame can be long. They complete what was
// begun, TRAIL is not zero, so the torn frame is dropped, and the zeros left over are skipped. The host finds
// its place by WELCOME, which repeats 16 random bytes of its HELLO: nothing sent earlier can contain them.
//
// Nothing is sent without being asked for: output flows against CREDIT, so a slow host stops the command
// (its pipe fills) and not the port, and nothing grows. Commands outlive the connection; CREDIT for the id
// of a running one, in a later connection, goes on with its output.
#ifndef COWWEB_AGENT_H
#define COWWEB_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	VERSION = 1,
	MARK = 0xC5,
	TRAIL = 0x5C,
	HEAD = 8,
	IN_MAX = 16 * 1024,        // payload of a frame from the host
	OUT_MAX = 32 * 1024 - 64,  // payload of a frame to it: a whole frame is one write to the port
	REQUEST_MAX = 160 * 1024,  // a request that came in several frames
	REPLY_MAX = 1024,          // every answer but output is smaller
	NONCE = 16,
	STDIN_WINDOW = 32 * 1024,
	FILE_WINDOW = 256 * 1024,
	CHANNELS = 32,
	PATH_SIZE = 4096,
	TOKEN_SIZE = 64,
};

enum frame_type {
	// from the host
	HELLO = 0x01,     // version(2) nonce(16)
	PING = 0x02,      // up to 64 bytes
	IDENTITY = 0x03,  // fields
	EXEC = 0x04,      // fields
	DATA = 0x05,      // standard input or a file's content; empty at its end
	CREDIT = 0x06,    // count(4): as many bytes more may be sent
	KILL = 0x07,      // target id(4) grace ms(4) token
	PUT = 0x08,       // fields
	GET = 0x09,       // fields
	STAT = 0x0A,      // fields
	MORE = 0x40,      // flag: the request goes on in the next frame
	// to the host
	WELCOME = 0x81,     // "CoWWeb" version(2) nonce(16)
	PONG = 0x82,        // what came with PING
	IDENTIFIED = 0x83,  // total µs(4), then for each step: tag(1) status(4) µs(4)
	STARTED = 0x84,     // pid(4) window(4): bytes the host may send
	STDOUT = 0x85,      // also a file's content
	STDERR = 0x86,
	TAKEN = 0x87,       // count(4): bytes of DATA that are used up
	END = 0x88,         // errno(4) value(4): exit status, survivors of KILL; STAT: mode(4) size(8) mtime(8)
	BORN = 0x89,        // a new agent runs: nothing asked earlier will be answered
};

// Fields of a request: tag(1) length(4) bytes. Unknown ones are ignored.
struct field {
	char tag;
	uint32_t length;
	const char *bytes;
};

struct span {
	const unsigned char *at;
	size_t left;
};

// fields.c
bool next_field(struct span *fields, struct field *field);
bool field_text(struct field *field, char *text, size_t size);  // false if it does not fit or has a NUL
uint32_t get32(const void *bytes);
void put32(void *bytes, uint32_t value);

// agent.c: what the parts send. `frame_room` returns where a payload may be put, NULL when there is no room.
unsigned char *frame_room(size_t payload);
void frame_seal(int type, uint32_t id, size_t payload);
void frame_send(int type, uint32_t id, const void *payload, size_t length);
void send_end(uint32_t id, int error, uint32_t value);
void watch(int fd, uint64_t what);
int64_t now_us(void);
extern const char *root_prefix;  // "" in a guest; a folder when trying out, and then nothing but files is touched

// port.c
void port_driver_load(void);
int port_open(void);                 // -1 while it is not there
int port_listen(const char *path);  // a socket whose connections stand for the port, or -1

// command.c, file.c, channel.c: commands and files, each on a channel named by the host's id
void channel_exec(uint32_t id, struct span fields);
void channel_put(uint32_t id, struct span fields);
void channel_get(uint32_t id, struct span fields);
void channel_stat(uint32_t id, struct span fields);
void channel_data(uint32_t id, const void *bytes, size_t length);
void channel_credit(uint32_t id, uint32_t count);
void channel_ready(uint64_t what);
void channels_reap(void);
bool channels_pump(void);  // true when something moved
void channels_detach(void);
pid_t channel_discard(uint32_t id);  // output is thrown away from now on; its process, or 0

// tree.c: ending a command with everything it started
void tree_kill(uint32_t id, const unsigned char *payload, size_t length);
int trees_tick(void);  // milliseconds until it wants to be called again, or -1
ssize_t read_proc(const char *pid, const char *file, char *bytes, size_t size);  // its length, closed by a 0

// neighbour.c: QEMU's own agent, held still while nobody has commands for us
void neighbour_rest(void);
void neighbour_wake(void);

// identity.c, identity_ssh.c
void identity_take(uint32_t id, struct span fields);
int write_file(const char *path, const void *bytes, size_t length, mode_t mode);
bool rooted(char *full, const char *path);
int openssh_take(const struct field *private_key, const struct field *public_key);
int dropbear_take(const struct field *key, const struct field *private_key);
int server_reread(void);

#endif
