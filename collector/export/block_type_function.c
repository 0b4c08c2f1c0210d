/*
 * collector/export/block_type_function.c - which type an allocating function
 * makes, told by its demangled name (block_type.h). Exact rules, no guesses: a
 * name that none of them knows tells nothing.
 */
#include "export/block_type.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

/* A piece of a name. */
struct piece { const char *text; size_t n; };

/* The end of what `open` begins: behind its closing bracket; NULL: it does not close. */
static const char *behind_brackets(const char *open)
{
    int angle = 0, round = 0;
    for (const char *p = open; *p; p++) {
        if (p > open && p[-1] == '-' && *p == '>')
            continue;
        if (*p == '<' && !round)
            angle++;
        else if (*p == '(')
            round++;
        else if (*p == ')' && round)
            round--;
        else if (*p == '>' && !round && --angle == 0)
            return p + 1;
    }
    return NULL;
}

static struct piece trimmed(const char *text, const char *end)
{
    while (text < end && *text == ' ')
        text++;
    while (end > text && end[-1] == ' ')
        end--;
    return (struct piece){ text, (size_t)(end - text) };
}

/* An argument, counted from 0, between brackets that begin at `open`; empty where there is none. */
static struct piece argument(const char *open, unsigned which)
{
    const char *end = behind_brackets(open), *begin = open + 1;
    int depth = 0;
    for (const char *p = begin; end && p < end - 1; p++) {
        if (*p == '<' || *p == '(' || *p == '[')
            depth++;
        else if ((*p == '>' && p[-1] != '-') || *p == ')' || *p == ']')
            depth--;
        else if (*p == ',' && !depth && which-- == 0)
            return trimmed(begin, p);
        else if (*p == ',' && !depth)
            begin = p + 1;
    }
    return end && !which ? trimmed(begin, end - 1) : (struct piece){ 0 };
}

static bool begins(struct piece p, const char *prefix)
{
    size_t n = strlen(prefix);
    return p.n >= n && !memcmp(p.text, prefix, n);
}

/* What a standard library's node or control block is made to hold. */
static struct piece unwrapped(struct piece type)
{
    static const char *const wrappers[] = { "std::_Sp_counted_ptr_inplace<", "std::__shared_ptr_emplace<", "std::__1::__shared_ptr_emplace<" };
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (begins(type, wrappers[i]))
            return argument(type.text + strlen(wrappers[i]) - 1, 0);
    return type;
}

static bool is_name_byte(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* Where a whole `word` stands in a name outside of all arguments but those it is the head of. */
static const char *find_head(const char *function, const char *word)
{
    int depth = 0;
    for (const char *p = function; *p; p++) {
        bool fresh = p == function || !is_name_byte(p[-1]);
        if (!depth && fresh && !strncmp(p, word, strlen(word)))
            return p;
        if (*p == '(' && strncmp(p, "(anonymous namespace)", 21) != 0 && !depth)
            return NULL;
        if (*p == '<')
            depth++;
        else if (*p == '>' && depth && p[-1] != '-')
            depth--;
    }
    return NULL;
}

/* A C++ name: `head<T, …>` and, where `member` is given, the member that follows. */
struct type_rule { const char *head, *member, *suffix; };

static const struct type_rule rules[] = {
    { "std::make_shared<", "(", "" }, { "std::__1::make_shared<", "(", "" },
    { "std::allocate_shared<", "(", "" }, { "std::__1::allocate_shared<", "(", "" },
    { "std::make_unique<", "(", "" }, { "std::__1::make_unique<", "(", "" },
    { "std::_Vector_base<", "::_M_allocate(", "[]" }, { "std::_Vector_base<", "::_M_create_storage(", "[]" },
    { "std::vector<", "::", "[]" }, { "std::__1::vector<", "::", "[]" },
    { "std::_Deque_base<", "::_M_allocate_node(", "[]" }, { "std::_Deque_base<", "::_M_allocate_map(", "*[]" },
    { "std::__cxx11::basic_string<", "::", "[]" }, { "std::__1::basic_string<", "::", "[]" }, { "std::basic_string<", "::", "[]" },
};

/* Any number of T at once, or one node: only their name tells. */
static const char *const allocators[] = {
    "__gnu_cxx::new_allocator<", "std::__new_allocator<", "std::allocator<", "std::allocator_traits<std::allocator<",
    "std::__1::allocator<"
};

static bool is_node(struct piece type)
{
    static const char *const nodes[] = { "std::_Rb_tree_node<", "std::_List_node<", "std::_Fwd_list_node<", "std::__detail::_Hash_node<",
                                         "std::__1::__tree_node<", "std::__1::__list_node<", "std::__1::__hash_node<",
                                         "std::_Sp_counted_ptr_inplace<", "std::_Sp_counted_ptr<", "std::_Sp_counted_deleter<",
                                         "std::__1::__shared_ptr_emplace<" };
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        if (begins(type, nodes[i]))
            return true;
    return false;
}

static char *joined(struct piece type, const char *suffix)
{
    if (!type.n)
        return NULL;
    char *name = xstrndup(type.text, type.n);
    char *all = xasprintf("%s%s", name, suffix);
    free(name);
    return all;
}

static char *by_rule(const char *function, const struct type_rule *r)
{
    const char *at = find_head(function, r->head), *open = at ? at + strlen(r->head) - 1 : NULL;
    const char *behind = open ? behind_brackets(open) : NULL;
    if (!behind)
        return NULL;
    if (!strncmp(behind, "[abi:", 5) && strchr(behind, ']'))
        behind = strchr(behind, ']') + 1;
    if (strncmp(behind, r->member, strlen(r->member)) != 0)
        return NULL;
    return joined(unwrapped(argument(open, 0)), r->suffix);
}

static char *by_allocator(const char *function, const char *head)
{
    const char *at = find_head(function, head), *open = at ? at + strlen(head) - 1 : NULL;
    const char *behind = open ? behind_brackets(open) : NULL;
    if (!behind)
        return NULL;
    while (*behind == ' ' || *behind == '>')
        behind++;
    if (strncmp(behind, "::allocate(", 11) != 0 && strncmp(behind, "::allocate[abi:", 15) != 0)
        return NULL;
    struct piece type = argument(open, 0);
    return joined(unwrapped(type), is_node(type) ? "" : "[]");
}

/* All that a tree of the C++ library allocates are its nodes: `std::_Rb_tree<Key, Value, …>`. */
static char *by_tree(const char *function)
{
    static const char head[] = "std::_Rb_tree<";
    const char *at = find_head(function, head);
    struct piece value = at ? argument(at + sizeof head - 2, 1) : (struct piece){ 0 };
    if (!value.n)
        return NULL;
    char *type = xstrndup(value.text, value.n);
    char *node = xasprintf("std::_Rb_tree_node<%s%s>", type, type[value.n - 1] == '>' ? " " : "");
    free(type);
    return node;
}

/* A Rust name of the v0 mangling, which keeps arguments: `<alloc::boxed::Box<T>>::new`. Of the older one they all read T. */
static char *by_rust(const char *function)
{
    static const struct type_rule boxes[] = {
        { "alloc::boxed::Box<", "", "" }, { "alloc::rc::Rc<", "", "" }, { "alloc::sync::Arc<", "", "" },
        { "alloc::vec::Vec<", "", "[]" }, { "alloc::raw_vec::RawVec<", "", "[]" },
    };
    const char *name = *function == '<' ? function + 1 : function;
    struct piece whole = { name, strlen(name) };
    if (begins(whole, "alloc::string::String>::") || begins(whole, "alloc::string::String::"))
        return xstrdup("u8[]");
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        if (!begins(whole, boxes[i].head))
            continue;
        const char *open = name + strlen(boxes[i].head) - 1, *behind = behind_brackets(open);
        struct piece type = argument(open, 0);
        bool member = behind && (!strncmp(behind, "::", 2) || !strncmp(behind, ">::", 3));
        bool letter = type.n == 1 && isupper((unsigned char)*type.text);
        return member && !letter ? joined(type, boxes[i].suffix) : NULL;
    }
    return NULL;
}

char *block_type_of_function(const char *function)
{
    char *type = by_rust(function);
    if (!type)
        type = by_tree(function);
    for (size_t i = 0; !type && i < sizeof rules / sizeof *rules; i++)
        type = by_rule(function, &rules[i]);
    for (size_t i = 0; !type && i < sizeof allocators / sizeof *allocators; i++)
        type = by_allocator(function, allocators[i]);
    return type;
}
