/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The file may be anything, and belong to anybody: every offset and size of it is checked, every
 * table that is read has a largest size, and only regular files are opened.
 *
 * Nobody gains from a wrong answer but a program that lies about itself: the shim's own word on
 * the board ("I am here") decides in the end.
 */

#include "host/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/descriptor.h"

#define SCRIPTS_MAX 4         /* the kernel's own limit */
#define SCRIPT_LINE 256       /* likewise */
#define HEADERS_MAX 128       /* program headers; real ones have a dozen */
#define SECTIONS_MAX 512      /* section headers */
#define BLOCK_MAX (32u << 10) /* notes, names of sections */

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__i386__)
#define OWN_MACHINE EM_386
#elif defined(__arm__)
#define OWN_MACHINE EM_ARM
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define OWN_MACHINE EM_PPC64
#elif defined(__s390__)
#define OWN_MACHINE EM_S390
#else
#error "name the EM_ number of this processor"
#endif
#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

const char *elf_verdict_text(enum elf_verdict verdict)
{
    static const char *const texts[] = {
        [ELF_ENTERABLE] = "can be entered",
        [ELF_STATIC] = "is statically linked",
        [ELF_PRIVILEGED] = "gains privileges when it starts (a set-ID bit or capabilities)",
        [ELF_GO] = "is a Go program, which does not use the C library",
        [ELF_OTHER_LIBC] = "uses a C library other than glibc",
        [ELF_OTHER_MACHINE] = "is made for another processor or word size",
    };
    return (unsigned)verdict < sizeof texts / sizeof *texts ? texts[verdict] : "is unknown";
}

/* ---- files ---- */

/* Exactly `length` bytes at `offset`: 0, -ENOEXEC when the file is shorter, or negative. */
static int read_at(int fd, void *data, size_t length, uint64_t offset)
{
    if (offset > INT64_MAX - length)
        return -ENOEXEC;
    for (size_t done = 0; done < length;) {
        ssize_t got = pread(fd, (char *)data + done, length - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return -ENOEXEC;
        done += (size_t)got;
    }
    return 0;
}

/* Every link on the way is resolved beneath `root`, as it will be after the chroot. */
static int open_in_root(const char *root, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_IN_ROOT};
    __attribute__((cleanup(descriptor_cleanup))) int folder =
        open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -errno;
    long fd = syscall(SYS_openat2, folder, path, &how, sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

static int open_program(const struct elf_question *q, const char *path)
{
    struct stat st;
    int fd = q->root != NULL ? open_in_root(q->root, path)
                             : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return q->root != NULL ? fd : -errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    descriptor_close(&fd);
    return -EACCES;
}

/* ---- scripts ---- */

/* NAME of "#!/usr/bin/env NAME" in `search`, in order.  0 or -ENOENT. */
static int find_in_search(const struct elf_question *q, const char *name, char out[PATH_MAX])
{
    const char *search = q->search == NULL ? "/usr/local/bin:/usr/bin:/bin" : q->search;
    char path[PATH_MAX];

    for (const char *part = search; *part != '\0';) {
        size_t length = strcspn(part, ":");
        int n = snprintf(path, sizeof path, "%.*s/%s", (int)length, part, name);
        if (*part == '/' && n > 0 && (size_t)n < sizeof path) {
            int fd = open_program(q, path);
            if (fd >= 0) {
                descriptor_close(&fd);
                memcpy(out, path, (size_t)n + 1);
                return 0;
            }
        }
        part += length;
        part += *part == ':';
    }
    return -ENOENT;
}

/* Option words of env before NAME: -S, -i, VAR=VALUE … */
static char *env_operand(char *words)
{
    char *save = NULL;
    char *word = strtok_r(words, " \t", &save);

    while (word != NULL && (*word == '-' || strchr(word, '=') != NULL))
        word = strtok_r(NULL, " \t", &save);
    return word;
}

/* `line` is what follows "#!".  0 with the path of the interpreter, or negative. */
static int find_interpreter(const struct elf_question *q, char *line, char out[PATH_MAX])
{
    line[strcspn(line, "\r\n")] = '\0';
    line += strspn(line, " \t");
    char *rest = line + strcspn(line, " \t");
    if (*rest != '\0')
        *rest++ = '\0';
    if (*line == '\0')
        return -ENOEXEC;
    const char *found = line;
    const char *base = strrchr(line, '/');
    base = base == NULL ? line : base + 1;
    if (strcmp(base, "env") == 0) {
        const char *name = env_operand(rest);
        if (name == NULL)
            return -ENOEXEC;
        if (strchr(name, '/') == NULL)
            return find_in_search(q, name, out);
        found = name;
    }
    size_t length = strlen(found);
    if (length >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(out, found, length + 1);
    return 0;
}

/* ---- privileges ---- */

static bool gains_privileges(const struct elf_question *q, int fd)
{
    struct stat st;
    struct statvfs mount;

    if (q->no_new_privileges || fstat(fd, &st) < 0)
        return false;
    if (fstatvfs(fd, &mount) == 0 && (mount.f_flag & ST_NOSUID))
        return false;
    if ((st.st_mode & S_ISUID) && (q->uid == (uid_t)-1 || q->uid != st.st_uid))
        return true;
    /* Without the group's execute bit it is the mark of mandatory locking. */
    if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
        (q->gid == (gid_t)-1 || q->gid != st.st_gid))
        return true;
    return fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* ---- ELF ---- */

/* Does a block of notes hold one by "Go"?  Its linker puts one into every program. */
static bool has_go_note(const uint8_t *block, size_t length)
{
    size_t offset = 0;

    while (length - offset >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, block + offset, sizeof note);
        offset += sizeof note;
        uint64_t name = ((uint64_t)note.n_namesz + 3) & ~UINT64_C(3);
        uint64_t body = ((uint64_t)note.n_descsz + 3) & ~UINT64_C(3);
        if (name + body > length - offset)
            return false;
        if (note.n_namesz >= 3 && memcmp(block + offset, "Go", 3) == 0)
            return true;
        offset += (size_t)(name + body);
    }
    return false;
}

/* The note can be left out; the section with the modules' versions stays even when stripped. */
static bool has_go_section(int fd, const ElfW(Ehdr) * header)
{
    static const char wanted[] = ".go.buildinfo";
    char names[BLOCK_MAX];
    ElfW(Shdr) strings;

    if (header->e_shentsize != sizeof strings || header->e_shnum > SECTIONS_MAX ||
        header->e_shstrndx >= header->e_shnum)
        return false;
    if (read_at(fd, &strings, sizeof strings,
                header->e_shoff + (uint64_t)header->e_shstrndx * sizeof strings) < 0 ||
        strings.sh_size > sizeof names ||
        read_at(fd, names, strings.sh_size, strings.sh_offset) < 0)
        return false;
    return memmem(names, strings.sh_size, wanted, sizeof wanted) != NULL;
}

static bool is_glibc_loader(const char *loader)
{
    const char *base = strrchr(loader, '/');

    base = base == NULL ? loader : base + 1;
    return strncmp(base, "ld-linux", 8) == 0 || strncmp(base, "ld64.so", 7) == 0 ||
           strncmp(base, "ld.so.1", 7) == 0 || strncmp(base, "ld-2.", 5) == 0;
}

static int judge_elf(int fd, const ElfW(Ehdr) * header, enum elf_verdict *ret)
{
    bool dynamic = false;
    bool go = false;
    char loader[PATH_MAX] = "";

    if (header->e_ident[EI_CLASS] != OWN_CLASS || header->e_machine != OWN_MACHINE) {
        *ret = ELF_OTHER_MACHINE;
        return 0;
    }
    if (header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phnum > HEADERS_MAX)
        return -ENOEXEC;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) part;
        uint8_t notes[BLOCK_MAX];
        int r = read_at(fd, &part, sizeof part, header->e_phoff + (uint64_t)i * sizeof part);
        if (r < 0)
            return r;
        if (part.p_type == PT_INTERP) {
            dynamic = true;
            if (part.p_filesz < 2 || part.p_filesz > sizeof loader)
                return -ENOEXEC;
            r = read_at(fd, loader, part.p_filesz, part.p_offset);
            if (r < 0)
                return r;
            loader[part.p_filesz - 1] = '\0';
        } else if (part.p_type == PT_NOTE && part.p_filesz <= sizeof notes &&
                   read_at(fd, notes, part.p_filesz, part.p_offset) == 0) {
            go = go || has_go_note(notes, part.p_filesz);
        }
    }
    if (go || has_go_section(fd, header))
        *ret = ELF_GO;
    else if (!dynamic)
        *ret = ELF_STATIC;
    else
        *ret = is_glibc_loader(loader) ? ELF_ENTERABLE : ELF_OTHER_LIBC;
    return 0;
}

int elf_inspect(const struct elf_question *q, struct elf_answer *ret, struct error *err)
{
    *ret = (struct elf_answer){.verdict = ELF_ENTERABLE};
    if (snprintf(ret->program, sizeof ret->program, "%s", q->path) >= (int)sizeof ret->program)
        return error_errno(err, ENAMETOOLONG, "the program's name");
    for (int depth = 0; depth <= SCRIPTS_MAX; depth++) {
        union {
            ElfW(Ehdr) header;
            char text[SCRIPT_LINE];
        } head;
        __attribute__((cleanup(descriptor_cleanup))) int fd = open_program(q, ret->program);
        if (fd < 0)
            return error_errno(err, -fd, "%s cannot be read", ret->program);
        ssize_t got = pread(fd, head.text, sizeof head.text - 1, 0);
        if (got < 0)
            return error_errno(err, errno, "%s cannot be read", ret->program);
        head.text[got] = '\0';
        int r = -ENOEXEC;
        if (got >= (ssize_t)sizeof head.header && memcmp(head.text, ELFMAG, SELFMAG) == 0) {
            r = judge_elf(fd, &head.header, &ret->verdict);
            if (r == 0 && ret->verdict == ELF_ENTERABLE && gains_privileges(q, fd))
                ret->verdict = ELF_PRIVILEGED;
            return r < 0 ? error_errno(err, -r, "%s", ret->program) : 0;
        }
        if (got > 2 && memcmp(head.text, "#!", 2) == 0)
            r = find_interpreter(q, head.text + 2, ret->program);
        if (r < 0)
            return error_errno(err, -r, "%s", ret->program);
    }
    return error_errno(err, ELOOP, "%s", q->path);
}
