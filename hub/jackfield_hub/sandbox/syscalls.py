"""The system calls a worker may make, by name and number on x86-64 and aarch64. What is not here does not exist for it.

Absent on purpose, besides all that needs a privilege: every way to make or name a socket, a process or a program;
signals to others; changing the mode, owner, times or attributes of a file (landlock would let it pass); memory that
no limit counts (memfd_create, shmget); watching files (inotify); what other processes do (ptrace, kcmp, getpgid).
"""

from __future__ import annotations

import platform
from typing import NamedTuple


class Machine(NamedTuple):
    """A processor family: the kernel's name for its calls, and the column of the table."""

    audit_arch: int
    column: int
    has_x32: bool


MACHINES = {
    "x86_64": Machine(0xC000003E, 1, has_x32=True),
    "aarch64": Machine(0xC00000B7, 2, has_x32=False),
}

# name:x86-64:aarch64. An empty number: that machine has no such call.
ALLOWED = """
    read:0:63 write:1:64 readv:19:65 writev:20:66 pread64:17:67 pwrite64:18:68 preadv:295:69 pwritev:296:70
    preadv2:327:286 pwritev2:328:287 lseek:8:62 close:3:57 close_range:436:436 dup:32:23 dup2:33:
    dup3:292:24 pipe:22: pipe2:293:59 poll:7: ppoll:271:73 select:23: pselect6:270:72 epoll_create:213:
    epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232: epoll_pwait:281:22 epoll_pwait2:441:441
    eventfd:284: eventfd2:290:19 timerfd_create:283:85 timerfd_settime:286:86 timerfd_gettime:287:87
    signalfd:282: signalfd4:289:74 sendto:44:206 recvfrom:45:207 sendmsg:46:211 recvmsg:47:212
    shutdown:48:210 getsockopt:55:209 getsockname:51:204 getpeername:52:205
    fstat:5:80 stat:4: lstat:6: newfstatat:262:79 statx:332:291 access:21: faccessat:269:48
    faccessat2:439:439 readlink:89: readlinkat:267:78 getcwd:79:17 chdir:80:49 fchdir:81:50 getdents:78:
    getdents64:217:61 statfs:137:43 fstatfs:138:44 umask:95:166 mkdir:83: mkdirat:258:34 rmdir:84:
    unlink:87: unlinkat:263:35 rename:82: renameat:264:38 renameat2:316:276 ftruncate:77:46 fallocate:285:47
    fsync:74:82 fdatasync:75:83 sync_file_range:277:84 fadvise64:221:223 sendfile:40:71
    copy_file_range:326:285
    mmap:9:222 munmap:11:215 mprotect:10:226 mremap:25:216 madvise:28:233 msync:26:227 brk:12:214
    mlock:149:228 munlock:150:229
    futex:202:98 set_robust_list:273:99 rseq:334:293 membarrier:324:283 set_tid_address:218:96
    arch_prctl:158: getcpu:309:168 sched_yield:24:124 sched_getaffinity:204:123 sched_getparam:143:121
    sched_getscheduler:145:120 sched_get_priority_max:146:125 sched_get_priority_min:147:126
    rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigpending:127:136 rt_sigtimedwait:128:137
    rt_sigsuspend:130:133 rt_sigreturn:15:139 sigaltstack:131:132 restart_syscall:219:128 pause:34:
    alarm:37: setitimer:38:103 getitimer:36:102 timer_create:222:107 timer_settime:223:110
    timer_gettime:224:108 timer_getoverrun:225:109 timer_delete:226:111
    nanosleep:35:101 clock_nanosleep:230:115 clock_gettime:228:113 clock_getres:229:114 gettimeofday:96:169
    time:201: times:100:153
    getpid:39:172 gettid:186:178 getppid:110:173 getpgrp:111: getuid:102:174 geteuid:107:175 getgid:104:176
    getegid:108:177 getresuid:118:148 getresgid:120:150 getgroups:115:158 capget:125:90 getrusage:98:165
    getrlimit:97:163 setrlimit:160:164 uname:63:160 sysinfo:99:179 getrandom:318:278 wait4:61:260
    waitid:247:95 exit:60:93 exit_group:231:94
"""

# Allowed with certain arguments only; see `seccomp`.
CHECKED = """
    open:2: openat:257:56 clone:56:220 kill:62:129 tgkill:234:131 fcntl:72:25 ioctl:16:29 prctl:157:167
    prlimit64:302:261
"""

# Refused with "not permitted", which reads better in a traceback than "no such call".
FORBIDDEN = """
    socket:41:198 socketpair:53:199 connect:42:203 bind:49:200 listen:50:201 accept:43:202 accept4:288:242
    execve:59:221 execveat:322:281 fork:57: vfork:58: ptrace:101:117
"""


def this_machine() -> Machine:
    """Return the machine this runs on. Raises OSError for one that the table does not know."""
    try:
        return MACHINES[platform.machine()]
    except KeyError:
        raise OSError(f"no table of system calls for {platform.machine()}") from None


def numbers(table: str, machine: Machine) -> dict[str, int]:
    """Return the calls of the table that this machine has: `{"read": 0, "write": 1}`."""
    rows = [entry.split(":") for entry in table.split()]
    return {row[0]: int(row[machine.column]) for row in rows if row[machine.column]}
