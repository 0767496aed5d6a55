/*
 * Counts the file, lock and socket calls of a process, and makes one of them fail. Loaded with LD_PRELOAD; the variables
 * that configure it are written by injector.ts, which also says what they mean. Linux with glibc or musl.
 *
 * A call counts if its path is below FAULT_DIR, or its socket was connected to a port of FAULT_PORTS. It is known as
 * operation:file, such as `pwrite:wal`. A call that does not count goes straight to the C library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 65536
#define EXPORT __attribute__((visibility("default")))

/* The files of a ledger, its audit log, and the peers of FAULT_PORTS. 0 is what does not count. */
enum { NONE, DIR_, DB, WAL, SHM, JOURNAL, AUDIT, OTHER, NET, PEERS };
#define MAX_PEERS 8
static const char *const FILE_NAMES[] = {"", "dir", "db", "wal", "shm", "journal", "audit", "other", "net"};
static int peers;
static int peer_ports[MAX_PEERS];
static char peer_names[MAX_PEERS][16];

enum {
  OPEN, CLOSE, READ, PREAD, WRITE, PWRITE, SYNC, TRUNCATE, LOCK, UNLOCK, MMAP, STAT, ACCESS, CHMOD, MKDIR, RMDIR, UNLINK,
  RENAME, READLINK, SOCKET, CONNECT, CONNECTED, SEND, RECV, OPERATIONS
};
static const char *const OPERATION_NAMES[] = {
  "open", "close", "read", "pread", "write", "pwrite", "sync", "truncate", "lock", "unlock", "mmap", "stat", "access",
  "chmod", "mkdir", "rmdir", "unlink", "rename", "readlink", "socket", "connect", "connected", "send", "recv"
};

enum { NOTHING, FAIL, SHORT, TORN, END, KILL_BEFORE, KILL_AFTER, KILL_TORN, STOP };
enum { ONCE, TWICE, NEXT, SAME, WRITES, ALL };

static char dir[PATH_MAX];
static size_t dir_length;
static unsigned char class_of[MAX_FDS];
static atomic_int counts[OPERATIONS][PEERS + MAX_PEERS];
static int at_operation = -1, at_class = -1, at_number = 0;
static int action = NOTHING, action_errno = EIO, stop_ms = 0, scope = ONCE;
/* 0: not yet; then how many calls the fault has reached. */
static atomic_int reached;
static int log_fd = -1;
static int ready;

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int number_of(const char *const *names, int length, const char *name, size_t size) {
  for (int i = 0; i < length; i++) if (strlen(names[i]) == size && !strncmp(names[i], name, size)) return i;
  return -1;
}

static const struct { const char *name; int value; } ERRNOS[] = {
  {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EFBIG", EFBIG}, {"EACCES", EACCES}, {"EPERM", EPERM},
  {"EROFS", EROFS}, {"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"ENOENT", ENOENT}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR},
  {"EAGAIN", EAGAIN}, {"ENOLCK", ENOLCK}, {"EDEADLK", EDEADLK}, {"ESTALE", ESTALE}, {"EBUSY", EBUSY},
  {"ECONNREFUSED", ECONNREFUSED}, {"ECONNRESET", ECONNRESET}, {"ETIMEDOUT", ETIMEDOUT}, {"EPIPE", EPIPE},
  {"EHOSTUNREACH", EHOSTUNREACH}, {"ENETUNREACH", ENETUNREACH}, {"ENOBUFS", ENOBUFS},
};

static void wrong(const char *what) {
  dprintf(2, "fault injector: %s is wrong\n", what);
  _exit(97);
}

static void parse_action(const char *text) {
  if (!strcmp(text, "short")) action = SHORT;
  else if (!strncmp(text, "torn:", 5)) { parse_action(text + 5); action = TORN; }
  else if (!strcmp(text, "end")) action = END;
  else if (!strcmp(text, "kill-before")) action = KILL_BEFORE;
  else if (!strcmp(text, "kill-after")) action = KILL_AFTER;
  else if (!strcmp(text, "kill-torn")) action = KILL_TORN;
  else if (!strncmp(text, "stop:", 5)) { action = STOP; stop_ms = atoi(text + 5); }
  else {
    action = FAIL;
    action_errno = 0;
    for (size_t i = 0; i < sizeof ERRNOS / sizeof *ERRNOS; i++) if (!strcmp(ERRNOS[i].name, text)) action_errno = ERRNOS[i].value;
    if (!action_errno) wrong("FAULT_DO");
  }
}

__attribute__((constructor)) static void configure(void) {
  const char *folder = getenv("FAULT_DIR"), *ports = getenv("FAULT_PORTS"), *at = getenv("FAULT_AT");
  if (folder) dir_length = (size_t)snprintf(dir, sizeof dir, "%s", folder);
  for (const char *p = ports; p && *p && peers < MAX_PEERS;) {
    char *end;
    peer_ports[peers] = (int)strtol(p, &end, 10);
    if (*end != '=') wrong("FAULT_PORTS");
    size_t length = strcspn(++end, ",");
    snprintf(peer_names[peers++], sizeof *peer_names, "%.*s", (int)length, end);
    p = end + length + (end[length] == ',');
  }
  const char *log = getenv("FAULT_LOG");
  if (log) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    /* Out of the way: a program with few descriptors must not get fewer by this one. */
    log_fd = fd < 0 ? -1 : (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 500);
    if (log_fd < 0) log_fd = fd; else syscall(SYS_close, fd);
  }
  if (at) {
    const char *first = strchr(at, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (!second) wrong("FAULT_AT");
    size_t length = (size_t)(second - first - 1);
    at_operation = number_of(OPERATION_NAMES, OPERATIONS, at, (size_t)(first - at));
    at_class = number_of(FILE_NAMES, PEERS, first + 1, length);
    for (int i = 0; i < peers; i++) if (strlen(peer_names[i]) == length && !strncmp(peer_names[i], first + 1, length)) at_class = PEERS + i;
    at_number = atoi(second + 1);
    if (at_operation < 0 || at_class < 0 || at_number < 1) wrong("FAULT_AT");
    parse_action(getenv("FAULT_DO") ? getenv("FAULT_DO") : "EIO");
    const char *then = getenv("FAULT_THEN");
    static const char *const SCOPES[] = {"once", "twice", "next", "same", "writes", "all"};
    scope = then ? number_of(SCOPES, 6, then, strlen(then)) : ONCE;
    if (scope < 0) wrong("FAULT_THEN");
  }
  ready = 1;
}

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text), of = strlen(end);
  return length >= of && !strcmp(text + length - of, end);
}

static int path_class(const char *path) {
  if (!ready || !dir_length || !path || strncmp(path, dir, dir_length)) return NONE;
  if (path[dir_length] && path[dir_length] != '/') return NONE;
  if (ends_with(path, ".db")) return DB;
  if (ends_with(path, ".db-wal")) return WAL;
  if (ends_with(path, ".db-shm")) return SHM;
  if (ends_with(path, ".db-journal")) return JOURNAL;
  if (ends_with(path, ".jsonl")) return AUDIT;
  return strrchr(path + dir_length, '.') ? OTHER : DIR_;
}

static int fd_class(int fd) { return ready && fd >= 0 && fd < MAX_FDS ? class_of[fd] : NONE; }
static void set_class(int fd, int class) { if (fd >= 0 && fd < MAX_FDS) class_of[fd] = (unsigned char)class; }

static void log_call(const char *mark, int operation, int class) {
  if (log_fd < 0) return;
  char line[64];
  const char *name = class >= PEERS ? peer_names[class - PEERS] : FILE_NAMES[class];
  int length = snprintf(line, sizeof line, "%s%s:%s\n", mark, OPERATION_NAMES[operation], name);
  syscall(SYS_write, log_fd, line, (size_t)length);
}

static int is_write(int operation) {
  switch (operation) {
    case WRITE: case PWRITE: case SYNC: case TRUNCATE: case UNLINK: case RENAME: case MKDIR: case CHMOD: return 1;
    default: return 0;
  }
}

/* The same operation on the same file, for a file system; the same peer, for the network. */
static int is_same(int operation, int class) {
  return class == at_class && (operation == at_operation || class >= PEERS);
}

static void stop(void) {
  struct timespec left = {stop_ms / 1000, (stop_ms % 1000) * 1000000L};
  while (nanosleep(&left, &left) && errno == EINTR) {}
}

/* What is to happen to this call. FAIL has set errno. */
static int fault(int operation, int class) {
  if (class == NONE) return NOTHING;
  log_call("", operation, class);
  int count = atomic_fetch_add(&counts[operation][class], 1) + 1;
  if (at_number == 0) return NOTHING;
  int before = atomic_load(&reached), hit = 0;
  if (before == 0) hit = operation == at_operation && class == at_class && count == at_number;
  else if (operation == CLOSE || operation == UNLOCK) hit = 0;
  else switch (scope) {
    case ONCE: break;
    case TWICE: hit = before < 2 && is_same(operation, class); break;
    case NEXT: hit = before < 2; break;
    case SAME: hit = is_same(operation, class); break;
    case WRITES: hit = is_write(operation); break;
    case ALL: hit = 1; break;
  }
  if (!hit) return NOTHING;
  atomic_fetch_add(&reached, 1);
  log_call("!", operation, class);
  int now = action;
  /* What follows a torn write fails whole. */
  if (before > 0 && now == TORN) now = FAIL;
  if (now == KILL_BEFORE) kill(getpid(), SIGKILL);
  if (now == STOP) { stop(); return NOTHING; }
  if (now == FAIL) errno = action_errno;
  return now;
}

static void after(int what) { if (what == KILL_AFTER || what == KILL_TORN) kill(getpid(), SIGKILL); }

/* Whether a call with this fate fails before it does anything: what cannot be short fails in its place. */
static int fails(int what) {
  if (what == FAIL) return 1;
  if (what == TORN) { errno = action_errno; return 1; }
  return 0;
}

static int opened(int fd, int class) { set_class(fd, fd < 0 ? NONE : class); return fd; }

#define OPEN_BODY(name, call) \
  mode_t mode = 0; \
  if (flags & (O_CREAT | __O_TMPFILE)) { va_list list; va_start(list, flags); mode = (mode_t)va_arg(list, int); va_end(list); } \
  REAL(name); \
  int class = path_class(path), what = fault(OPEN, class); \
  if (fails(what)) return -1; \
  int fd = opened(call, class); \
  after(what); \
  return fd

EXPORT int open(const char *path, int flags, ...) { OPEN_BODY(open, real(path, flags, mode)); }
EXPORT int open64(const char *path, int flags, ...) { OPEN_BODY(open64, real(path, flags, mode)); }
EXPORT int openat(int at, const char *path, int flags, ...) { OPEN_BODY(openat, real(at, path, flags, mode)); }
EXPORT int openat64(int at, const char *path, int flags, ...) { OPEN_BODY(openat64, real(at, path, flags, mode)); }

EXPORT int close(int fd) {
  REAL(close);
  int class = fd_class(fd), what = fault(CLOSE, class);
  set_class(fd, NONE);
  /* Linux closes the descriptor whatever it returns. */
  int result = real(fd);
  if (fails(what)) { errno = action_errno; return -1; }
  after(what);
  return result;
}

/* A read or write of `size` bytes: `call` uses `size`. */
#define TRANSFER_BODY(operation, socket_operation, fd, call) \
  int class = fd_class(fd); \
  int what = fault(class >= PEERS ? socket_operation : operation, class); \
  if (what == FAIL) return -1; \
  if (what == END) return 0; \
  if (what == TORN && (operation == READ || operation == PREAD || size < 2)) { errno = action_errno; return -1; } \
  if ((what == SHORT || what == TORN || what == KILL_TORN) && size > 1) size = size / 2; \
  ssize_t result = call; \
  after(what); \
  return result

EXPORT ssize_t read(int fd, void *data, size_t size) { REAL(read); TRANSFER_BODY(READ, RECV, fd, real(fd, data, size)); }
EXPORT ssize_t write(int fd, const void *data, size_t size) { REAL(write); TRANSFER_BODY(WRITE, SEND, fd, real(fd, data, size)); }
EXPORT ssize_t pread(int fd, void *data, size_t size, off_t at) { REAL(pread); TRANSFER_BODY(PREAD, RECV, fd, real(fd, data, size, at)); }
EXPORT ssize_t pread64(int fd, void *data, size_t size, off64_t at) { REAL(pread64); TRANSFER_BODY(PREAD, RECV, fd, real(fd, data, size, at)); }
EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { REAL(pwrite); TRANSFER_BODY(PWRITE, SEND, fd, real(fd, data, size, at)); }
EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { REAL(pwrite64); TRANSFER_BODY(PWRITE, SEND, fd, real(fd, data, size, at)); }
EXPORT ssize_t send(int fd, const void *data, size_t size, int flags) { REAL(send); TRANSFER_BODY(WRITE, SEND, fd, real(fd, data, size, flags)); }
EXPORT ssize_t recv(int fd, void *data, size_t size, int flags) { REAL(recv); TRANSFER_BODY(READ, RECV, fd, real(fd, data, size, flags)); }

/* The first `size` bytes of a vector, in `parts`; as many vectors as that takes. */
static int cut_vector(const struct iovec *from, int length, size_t size, struct iovec *parts) {
  int count = 0;
  for (; count < length && count < IOV_MAX && size > 0; count++) {
    parts[count] = from[count];
    if (parts[count].iov_len > size) parts[count].iov_len = size;
    size -= parts[count].iov_len;
  }
  return count;
}

static size_t vector_size(const struct iovec *vector, int length) {
  size_t size = 0;
  for (int i = 0; i < length; i++) size += vector[i].iov_len;
  return size;
}

#define VECTOR_BODY(operation, socket_operation, fd, vector, length, call) \
  struct iovec parts[IOV_MAX]; \
  size_t whole = vector_size(vector, length), size = whole; \
  (void)parts; \
  if (fd_class(fd) == NONE) { int count = length; const struct iovec *from = vector; return call; } \
  { TRANSFER_BODY(operation, socket_operation, fd, \
      ({ const struct iovec *from = vector; int count = length; \
         if (size < whole) { count = cut_vector(vector, length, size, parts); from = parts; } \
         call; })); }

EXPORT ssize_t readv(int fd, const struct iovec *vector, int length) { REAL(readv); VECTOR_BODY(READ, RECV, fd, vector, length, real(fd, from, count)) }
EXPORT ssize_t writev(int fd, const struct iovec *vector, int length) { REAL(writev); VECTOR_BODY(WRITE, SEND, fd, vector, length, real(fd, from, count)) }
EXPORT ssize_t pwritev64(int fd, const struct iovec *vector, int length, off64_t at) { REAL(pwritev64); VECTOR_BODY(PWRITE, SEND, fd, vector, length, real(fd, from, count, at)) }
EXPORT ssize_t preadv64(int fd, const struct iovec *vector, int length, off64_t at) { REAL(preadv64); VECTOR_BODY(PREAD, RECV, fd, vector, length, real(fd, from, count, at)) }

static ssize_t message(ssize_t (*real)(int, struct msghdr *, int), int socket_operation, int fd, struct msghdr *text, int flags) {
  struct iovec parts[IOV_MAX];
  size_t whole = vector_size(text->msg_iov, (int)text->msg_iovlen), size = whole;
  int operation = socket_operation == SEND ? WRITE : READ;
  struct msghdr copy = *text;
  TRANSFER_BODY(operation, socket_operation, fd, ({
    ssize_t done;
    if (size < whole) {
      copy.msg_iov = parts;
      copy.msg_iovlen = (size_t)cut_vector(text->msg_iov, (int)text->msg_iovlen, size, parts);
      done = real(fd, &copy, flags);
    } else done = real(fd, text, flags);
    done;
  }));
}
EXPORT ssize_t sendmsg(int fd, const struct msghdr *text, int flags) {
  REAL(sendmsg);
  if (fd_class(fd) == NONE) return real(fd, text, flags);
  return message((ssize_t (*)(int, struct msghdr *, int))real, SEND, fd, (struct msghdr *)text, flags);
}
EXPORT ssize_t recvmsg(int fd, struct msghdr *text, int flags) {
  REAL(recvmsg);
  if (fd_class(fd) == NONE) return real(fd, text, flags);
  return message(real, RECV, fd, text, flags);
}

/* A call that does one thing and returns an int. */
#define SIMPLE_BODY(operation, class, call) \
  int what = fault(operation, class); \
  if (fails(what)) return -1; \
  int result = call; \
  after(what); \
  return result

EXPORT int fsync(int fd) { REAL(fsync); SIMPLE_BODY(SYNC, fd_class(fd), real(fd)); }
EXPORT int fdatasync(int fd) { REAL(fdatasync); SIMPLE_BODY(SYNC, fd_class(fd), real(fd)); }
EXPORT int ftruncate(int fd, off_t size) { REAL(ftruncate); SIMPLE_BODY(TRUNCATE, fd_class(fd), real(fd, size)); }
EXPORT int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); SIMPLE_BODY(TRUNCATE, fd_class(fd), real(fd, size)); }
EXPORT int fchmod(int fd, mode_t mode) { REAL(fchmod); SIMPLE_BODY(CHMOD, fd_class(fd), real(fd, mode)); }
EXPORT int chmod(const char *path, mode_t mode) { REAL(chmod); SIMPLE_BODY(CHMOD, path_class(path), real(path, mode)); }
EXPORT int mkdir(const char *path, mode_t mode) { REAL(mkdir); SIMPLE_BODY(MKDIR, path_class(path), real(path, mode)); }
EXPORT int rmdir(const char *path) { REAL(rmdir); SIMPLE_BODY(RMDIR, path_class(path), real(path)); }
EXPORT int unlink(const char *path) { REAL(unlink); SIMPLE_BODY(UNLINK, path_class(path), real(path)); }
EXPORT int rename(const char *from, const char *to) { REAL(rename); SIMPLE_BODY(RENAME, path_class(from), real(from, to)); }
EXPORT int access(const char *path, int mode) { REAL(access); SIMPLE_BODY(ACCESS, path_class(path), real(path, mode)); }
EXPORT ssize_t readlink(const char *path, char *to, size_t size) { REAL(readlink); SIMPLE_BODY(READLINK, path_class(path), (int)real(path, to, size)); }
EXPORT int stat(const char *path, struct stat *to) { REAL(stat); SIMPLE_BODY(STAT, path_class(path), real(path, to)); }
EXPORT int stat64(const char *path, struct stat64 *to) { REAL(stat64); SIMPLE_BODY(STAT, path_class(path), real(path, to)); }
EXPORT int lstat(const char *path, struct stat *to) { REAL(lstat); SIMPLE_BODY(STAT, path_class(path), real(path, to)); }
EXPORT int lstat64(const char *path, struct stat64 *to) { REAL(lstat64); SIMPLE_BODY(STAT, path_class(path), real(path, to)); }
EXPORT int fstat(int fd, struct stat *to) { REAL(fstat); SIMPLE_BODY(STAT, fd_class(fd), real(fd, to)); }
EXPORT int fstat64(int fd, struct stat64 *to) { REAL(fstat64); SIMPLE_BODY(STAT, fd_class(fd), real(fd, to)); }
/* What programs call that were linked against an older C library. */
EXPORT int __xstat64(int version, const char *path, struct stat64 *to) { (void)version; return stat64(path, to); }
EXPORT int __lxstat64(int version, const char *path, struct stat64 *to) { (void)version; return lstat64(path, to); }
EXPORT int __fxstat64(int version, int fd, struct stat64 *to) { (void)version; return fstat64(fd, to); }

static int statx_class(int fd, const char *path, int flags) {
  return (flags & AT_EMPTY_PATH) && (!path || !*path) ? fd_class(fd) : path_class(path);
}
EXPORT int statx(int fd, const char *path, int flags, unsigned mask, struct statx *to) {
  REAL(statx);
  SIMPLE_BODY(STAT, statx_class(fd, path, flags), real(fd, path, flags, mask, to));
}
/* libuv makes these two calls by their number. */
EXPORT long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  if (number == SYS_close) return close((int)a);
  if (number == SYS_statx) {
    int what = fault(STAT, ready ? statx_class((int)a, (const char *)b, (int)c) : NONE);
    if (fails(what)) return -1;
    long result = real(number, a, b, c, d, e, f);
    after(what);
    return result;
  }
  return real(number, a, b, c, d, e, f);
}

#define LOCK_BODY(name) \
  va_list list; \
  va_start(list, command); \
  void *argument = va_arg(list, void *); \
  va_end(list); \
  REAL(name); \
  int isLock = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW; \
  if (!isLock) return real(fd, command, argument); \
  SIMPLE_BODY(((struct flock *)argument)->l_type == F_UNLCK ? UNLOCK : LOCK, fd_class(fd), real(fd, command, argument))

EXPORT int fcntl(int fd, int command, ...) { LOCK_BODY(fcntl); }
EXPORT int fcntl64(int fd, int command, ...) { LOCK_BODY(fcntl64); }

EXPORT void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  REAL(mmap);
  int what = fault(MMAP, flags & MAP_ANONYMOUS ? NONE : fd_class(fd));
  if (fails(what)) return MAP_FAILED;
  void *result = real(at, length, protection, flags, fd, offset);
  after(what);
  return result;
}
EXPORT void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
  REAL(mmap64);
  int what = fault(MMAP, flags & MAP_ANONYMOUS ? NONE : fd_class(fd));
  if (fails(what)) return MAP_FAILED;
  void *result = real(at, length, protection, flags, fd, offset);
  after(what);
  return result;
}

/* A socket has no peer yet: all of them count as `net`. */
EXPORT int socket(int domain, int type, int protocol) {
  REAL(socket);
  SIMPLE_BODY(SOCKET, ready && peers > 0 && domain == AF_INET ? NET : NONE, opened(real(domain, type, protocol), NONE));
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length) {
  REAL(connect);
  int class = NONE;
  if (ready && length >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
    int port = ntohs(((const struct sockaddr_in *)address)->sin_port);
    for (int i = 0; i < peers; i++) if (peer_ports[i] == port) class = PEERS + i;
  }
  set_class(fd, class);
  SIMPLE_BODY(CONNECT, class, real(fd, address, length));
}

/* How a connection that was begun has ended: a failure is a value here. */
EXPORT int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict length) {
  REAL(getsockopt);
  int result = real(fd, level, name, value, length);
  if (level != SOL_SOCKET || name != SO_ERROR) return result;
  int what = fault(CONNECTED, fd_class(fd) >= PEERS ? fd_class(fd) : NONE);
  if (what == FAIL) *(int *)value = action_errno;
  after(what);
  return result;
}
