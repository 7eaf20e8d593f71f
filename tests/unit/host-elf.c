/* SPDX-License-Identifier: Apache-2.0 */
/* Programs made from this very test: a copy with one thing changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "host/elf.h"
#include "host_folder.h"

static uint8_t *image;
static size_t image_size;

static int load(void **unused)
{
    struct stat st;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    (void)unused;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    image_size = (size_t)st.st_size;
    image = mmap(NULL, image_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    return image == MAP_FAILED ? -1 : 0;
}

static char path[128];

static void write_file(const char *name, const void *data, size_t length, mode_t mode)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), (ssize_t)length);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static ElfW(Phdr) * part(uint8_t *program, uint32_t type)
{
    ElfW(Ehdr) *header = (void *)program;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) *p = (void *)(program + header->e_phoff + i * sizeof *p);
        if (p->p_type == type)
            return p;
    }
    return NULL;
}

/* ---- what is changed ---- */

static void nothing(uint8_t *p)
{
    (void)p;
}
static void no_loader(uint8_t *p)
{
    part(p, PT_INTERP)->p_type = PT_NULL;
}
static void musl(uint8_t *p)
{
    static const char loader[] = "/lib/ld-musl-x86";
    ElfW(Phdr) *interpreter = part(p, PT_INTERP);
    memcpy(p + interpreter->p_offset, loader, sizeof loader);
    interpreter->p_filesz = sizeof loader;
}
static void go_note(uint8_t *p)
{
    /* Every note becomes Go's: which of them holds the build number is the linker's choice. */
    ElfW(Ehdr) *header = (void *)p;
    bool done = false;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) *n = (void *)(p + header->e_phoff + i * sizeof *n);
        if (n->p_type == PT_NOTE) {
            memcpy(p + n->p_offset + sizeof(ElfW(Nhdr)), "Go\0", 4);
            done = true;
        }
    }
    assert_true(done);
}
static void go_section(uint8_t *p)
{
    ElfW(Ehdr) *header = (void *)p;
    ElfW(Shdr) *sections = (void *)(p + header->e_shoff);
    char *names = (void *)(p + sections[header->e_shstrndx].sh_offset);
    memcpy(names + 1, ".go.buildinfo", 14);
}
static void processor(uint8_t *p)
{
    ((ElfW(Ehdr) *)(void *)p)->e_machine = EM_SPARC;
}
static void word_size(uint8_t *p)
{
    p[EI_CLASS] = p[EI_CLASS] == ELFCLASS64 ? ELFCLASS32 : ELFCLASS64;
}
/* ---- and what is broken ---- */
static void far_headers(uint8_t *p)
{
    ((ElfW(Ehdr) *)(void *)p)->e_phoff = (ElfW(Off))INT64_MAX;
}
static void many_headers(uint8_t *p)
{
    ((ElfW(Ehdr) *)(void *)p)->e_phnum = 0xffff;
}
static void long_loader(uint8_t *p)
{
    part(p, PT_INTERP)->p_filesz = (ElfW(Xword)) - 1;
}
static void far_loader(uint8_t *p)
{
    part(p, PT_INTERP)->p_offset = (ElfW(Off)) - 1;
}
/* These lie in tables without which a program still runs: they must only do no harm. */
static void odd_sections(uint8_t *p)
{
    ElfW(Ehdr) *header = (void *)p;
    header->e_shoff = (ElfW(Off)) - 64;
}
static void odd_note(uint8_t *p)
{
    ElfW(Phdr) *n = part(p, PT_NOTE);
    ElfW(Nhdr) *note = (void *)(p + n->p_offset);
    note->n_namesz = note->n_descsz = 0xfffffffd;
}

static const struct {
    const char *name;
    void (*change)(uint8_t *program);
    int want; /* a verdict, or negative */
} programs[] = {
    {"as it is", nothing, ELF_ENTERABLE},
    {"no loader", no_loader, ELF_STATIC},
    {"musl", musl, ELF_OTHER_LIBC},
    {"Go's note", go_note, ELF_GO},
    {"Go's section", go_section, ELF_GO},
    {"other processor", processor, ELF_OTHER_MACHINE},
    {"other word size", word_size, ELF_OTHER_MACHINE},
    {"headers beyond the end", far_headers, -ENOEXEC},
    {"too many headers", many_headers, -ENOEXEC},
    {"a loader's name without end", long_loader, -ENOEXEC},
    {"a loader's name beyond the end", far_loader, -ENOEXEC},
    {"sections beyond the end", odd_sections, ELF_ENTERABLE},
    {"a note that is too long", odd_note, ELF_ENTERABLE},
};

static int inspect(const struct elf_question *q, struct elf_answer *ret)
{
    struct error err = ERROR_NONE;
    int r = elf_inspect(q, ret, &err);
    if (r < 0)
        assert_true(err.text[0] != '\0');
    return r < 0 ? r : (int)ret->verdict;
}

static void test_programs(void **unused)
{
    uint8_t *copy = malloc(image_size);
    (void)unused;
    assert_non_null(copy);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct elf_answer answer;
        struct elf_question q = {.path = path, .uid = (uid_t)-1, .gid = (gid_t)-1};
        memcpy(copy, image, image_size);
        programs[i].change(copy);
        write_file("program", copy, image_size, 0755);
        int got = inspect(&q, &answer);
        if (got != programs[i].want)
            fail_msg("%s: %d, not %d", programs[i].name, got, programs[i].want);
        assert_string_equal(answer.program, path);
    }
    /* Cut anywhere, it is refused or judged, and read within bounds. */
    for (size_t length = 0; length < 2048; length += 13) {
        struct elf_answer answer;
        struct elf_question q = {.path = path, .uid = (uid_t)-1, .gid = (gid_t)-1};
        write_file("program", image, length, 0755);
        (void)inspect(&q, &answer);
    }
    free(copy);
}

static void test_privileges(void **unused)
{
    (void)unused;
    const struct {
        mode_t mode;
        uid_t uid;
        gid_t gid;
        bool none;
        enum elf_verdict want;
    } rows[] = {
        {0755, 12345, 12345, false, ELF_ENTERABLE},
        {04755, 12345, 12345, false, ELF_PRIVILEGED},
        {04755, (uid_t)-1, (gid_t)-1, false, ELF_PRIVILEGED},
        {04755, 12345, 12345, true, ELF_ENTERABLE},
        {04755, geteuid(), 12345, false, ELF_ENTERABLE},
        {02755, 12345, 12345, false, ELF_PRIVILEGED},
        {02755, 12345, getegid(), false, ELF_ENTERABLE},
        {02745, 12345, 12345, false, ELF_ENTERABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct elf_answer answer;
        struct elf_question q = {.path = path,
                                 .uid = rows[i].uid,
                                 .gid = rows[i].gid,
                                 .no_new_privileges = rows[i].none};
        write_file("program", image, image_size, rows[i].mode);
        int got = inspect(&q, &answer);
        if (got != (int)rows[i].want)
            fail_msg("row %zu: %d, not %d", i, got, (int)rows[i].want);
    }
}

static void script(const char *name, const char *format, const char *argument)
{
    char text[300];
    int n = snprintf(text, sizeof text, format, argument);
    write_file(name, text, (size_t)n, 0755);
}

static void test_scripts(void **unused)
{
    struct elf_answer answer;
    struct elf_question q = {.path = path, .uid = (uid_t)-1, .gid = (gid_t)-1};
    char program[128];
    uint8_t *copy = malloc(image_size);
    (void)unused;
    assert_non_null(copy);
    memcpy(copy, image, image_size);
    no_loader(copy);
    write_file("inner", copy, image_size, 0755);
    free(copy);
    memcpy(program, path, sizeof program);

    static const char *const direct[] = {"#!%s\n", "#! \t%s -x y\r\n", "#!%s",
                                         "#!/usr/bin/env %s\n", "#!/usr/bin/env -S A=b -i %s -w\n"};
    for (size_t i = 0; i < sizeof direct / sizeof *direct; i++) {
        script("script", direct[i], program);
        assert_int_equal(inspect(&q, &answer), ELF_STATIC);
        assert_string_equal(answer.program, program);
    }
    q.search = folder;
    script("script", "#!/usr/bin/env %s\n", "inner");
    assert_int_equal(inspect(&q, &answer), ELF_STATIC);
    script("script", "#!/usr/bin/env %s\n", "nobody-has-this");
    assert_int_equal(inspect(&q, &answer), -ENOENT);
    /* a script's script, and one that is its own interpreter */
    script("first", "#!%s\n", program);
    memcpy(program, path, sizeof program);
    script("script", "#!%s\n", program);
    assert_int_equal(inspect(&q, &answer), ELF_STATIC);
    snprintf(program, sizeof program, "%s/script", folder);
    script("script", "#!%s\n", program);
    assert_int_equal(inspect(&q, &answer), -ELOOP);
    static const char *const empty[] = {"", "#!", "#!\n", "#! \n", "#!/usr/bin/env\n", "echo\n"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        write_file("script", empty[i], strlen(empty[i]), 0755);
        assert_int_equal(inspect(&q, &answer), -ENOEXEC);
    }
}

static void test_root(void **unused)
{
    struct elf_answer answer;
    struct elf_question q = {.path = "/link", .root = folder, .uid = (uid_t)-1, .gid = (gid_t)-1};
    char link_path[128];
    (void)unused;
    write_file("program", image, image_size, 0755);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    assert_int_equal(symlink("/../program", link_path), 0); /* leads beneath the root */
    int got = inspect(&q, &answer);
    if (got == -ENOSYS)
        skip();
    assert_int_equal(got, ELF_ENTERABLE);
    q.path = "/bin/sh";
    assert_int_equal(inspect(&q, &answer), -ENOENT);
}

static void test_not_files(void **unused)
{
    struct elf_answer answer;
    struct elf_question q = {.path = folder, .uid = (uid_t)-1, .gid = (gid_t)-1};
    (void)unused;
    assert_int_equal(inspect(&q, &answer), -EACCES);
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    q.path = path;
    assert_int_equal(inspect(&q, &answer), -EACCES); /* and does not wait for a writer */
    q.path = "/nonexistent/program";
    assert_int_equal(inspect(&q, &answer), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_programs), IN_FOLDER(test_privileges), IN_FOLDER(test_scripts),
        IN_FOLDER(test_root),     IN_FOLDER(test_not_files),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
