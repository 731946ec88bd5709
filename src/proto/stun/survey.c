#include "proto/stun/survey.h"

#include "base/rng.h"

#include <string.h>

void stun_survey_init(struct stun_survey *s, uint64_t interval_us) {
    memset(s, 0, sizeof *s);
    s->interval_us = interval_us;
    s->round_us = UINT64_MAX;
}

/* ---- rounds */

static void begin_round(struct stun_survey *s, uint64_t now_us) {
    uint64_t tenth_ms = s->interval_us / 10 / 1000;
    memset(s->probes, 0, sizeof s->probes);
    memset(s->judged, 0, sizeof s->judged);
    s->running = s->local_count > 0 && s->server_count > 0;
    s->round_us = UINT64_MAX;
    if (!s->running) {
        return;
    }
    uint64_t dice_ms = rng_below((uint32_t)(2 * tenth_ms + 1));
    s->round_us = now_us + s->interval_us - 1000 * tenth_ms + 1000 * dice_ms;
    for (size_t i = 0; i < s->server_count; i++) {
        s->to_resolve[i] = true;
        s->resolving[i] = false;
    }
}

void stun_survey_configure(struct stun_survey *s, uint64_t interval_us, size_t servers, uint64_t now_us) {
    s->interval_us = interval_us;
    s->server_count = servers < STUN_SURVEY_SERVERS_MAX ? servers : STUN_SURVEY_SERVERS_MAX;
    begin_round(s, now_us);
}

static struct stun_finding *find_local(struct stun_survey *s, const struct addr *local) {
    for (size_t i = 0; i < s->local_count; i++) {
        if (addr_equal_ip(&s->findings[i].local, local)) {
            return &s->findings[i];
        }
    }
    return NULL;
}

void stun_survey_set_locals(struct stun_survey *s, const struct addr *locals, size_t count, uint64_t now_us) {
    struct stun_finding fresh[STUN_SURVEY_LOCALS_MAX] = {0};
    count = count < STUN_SURVEY_LOCALS_MAX ? count : STUN_SURVEY_LOCALS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct stun_finding *known = find_local(s, &locals[i]);
        fresh[i] = known ? *known : (struct stun_finding){.local = locals[i]};
    }
    memcpy(s->findings, fresh, sizeof fresh);
    memset(s->changed, 0, sizeof s->changed);
    memset(s->fell_silent, 0, sizeof s->fell_silent);
    memset(s->split, 0, sizeof s->split);
    s->local_count = count;
    begin_round(s, now_us);
}

void stun_survey_resolved(struct stun_survey *s, unsigned server, const struct addr addrs[2], uint64_t now_us) {
    if (server >= s->server_count || !s->resolving[server]) {
        return; /* of an earlier round */
    }
    s->resolving[server] = false;
    for (size_t i = 0; i < s->local_count; i++) {
        struct stun_probe *p = &s->probes[i][server];
        const struct addr *to = &addrs[s->findings[i].local.family == AF_INET6];
        if (to->family == s->findings[i].local.family) {
            p->server = *to;
            stun_transaction_begin(&p->transaction, now_us);
        }
    }
    stun_survey_timeout(s, now_us);
}

/* ---- judging */

struct count {
    unsigned votes, answers, asking;
    unsigned server; /* the first with the best value */
};

static bool answered(const struct stun_probe *p) { return p->transaction.mapped.family != AF_UNSPEC; }

static unsigned votes_for(const struct stun_survey *s, size_t local, const struct addr *value) {
    unsigned votes = 0;
    for (size_t i = 0; i < s->server_count; i++) {
        const struct stun_probe *p = &s->probes[local][i];
        votes += answered(p) && addr_equal_ip(&p->transaction.mapped, value);
    }
    return votes;
}

static struct count count_votes(const struct stun_survey *s, size_t local) {
    struct count c = {0};
    for (unsigned i = 0; i < s->server_count; i++) {
        const struct stun_probe *p = &s->probes[local][i];
        c.asking += s->to_resolve[i] || s->resolving[i] || p->transaction.state == STUN_TRANSACTION_ASKING;
        c.answers += answered(p);
        unsigned votes = answered(p) ? votes_for(s, local, &p->transaction.mapped) : 0;
        if (votes > c.votes) {
            c.votes = votes;
            c.server = i;
        }
    }
    return c;
}

static void adopt(struct stun_survey *s, size_t local, const struct addr *value) {
    struct stun_finding *f = &s->findings[local];
    if (!s->changed[local]) {
        s->before[local] = f->seen;
    }
    f->seen = *value;
    f->seen.port = 0;
    s->changed[local] = true;
}

/* Is the best value sure to win the round against the known one? */
static bool decided(const struct stun_survey *s, size_t local, const struct count *c) {
    unsigned known = votes_for(s, local, &s->findings[local].seen);
    return c->votes > known + c->asking;
}

static void judge(struct stun_survey *s, size_t local) {
    struct stun_finding *f = &s->findings[local];
    struct count c = count_votes(s, local);
    if (s->judged[local]) {
        return;
    }
    if (c.answers > 0) {
        const struct addr *best = &s->probes[local][c.server].transaction.mapped;
        if (f->seen.family == AF_UNSPEC || (!addr_equal_ip(best, &f->seen) && decided(s, local, &c))) {
            adopt(s, local, best);
        }
    }
    if (c.asking > 0) {
        return;
    }
    s->judged[local] = true;
    s->fell_silent[local] = c.answers == 0 && !f->silent;
    f->silent = c.answers == 0;
    if (c.answers > 0) {
        f->answers = c.answers;
        f->agreeing = votes_for(s, local, &f->seen);
        s->split[local] = f->agreeing < f->answers && !f->disputed;
        f->disputed = f->agreeing < f->answers;
    }
    for (unsigned i = (unsigned)s->server_count; i-- > 0;) {
        const struct stun_probe *p = &s->probes[local][i];
        f->server = answered(p) && addr_equal_ip(&p->transaction.mapped, &f->seen) ? i : f->server;
    }
}

static void judge_all(struct stun_survey *s) {
    for (size_t i = 0; s->running && i < s->local_count; i++) {
        judge(s, i);
    }
}

/* ---- input and time */

/* An address of no use is none: the answer counts as an error. */
static bool is_useful(const struct addr *mapped, const struct addr *local) {
    bool multicast = mapped->family == AF_INET ? mapped->ip[0] >= 224 : mapped->ip[0] == 0xff;
    return mapped->family == local->family && !addr_is_any(mapped) && !multicast &&
           (!addr_is_loopback(mapped) || addr_is_loopback(local));
}

void stun_survey_input(struct stun_survey *s, const struct addr *local, const struct addr *from, const void *data,
                       size_t len, uint64_t now_us) {
    const struct stun_finding *f = find_local(s, local);
    for (size_t i = 0; f && i < s->server_count; i++) {
        struct stun_probe *p = &s->probes[f - s->findings][i];
        if (addr_equal(&p->server, from) && stun_transaction_input(&p->transaction, data, len) == 0) {
            if (!is_useful(&p->transaction.mapped, &f->local)) {
                p->transaction.mapped = (struct addr){0};
            }
            break;
        }
    }
    stun_survey_timeout(s, now_us);
}

uint64_t stun_survey_deadline(const struct stun_survey *s) {
    uint64_t first = UINT64_MAX;
    bool all_judged = true;
    for (size_t i = 0; s->running && i < s->local_count; i++) {
        all_judged = all_judged && s->judged[i];
        for (size_t n = 0; n < s->server_count; n++) {
            uint64_t due = stun_transaction_deadline(&s->probes[i][n].transaction);
            first = due < first ? due : first;
        }
    }
    return s->running && all_judged ? s->round_us : first; /* a long round delays the next one */
}

void stun_survey_timeout(struct stun_survey *s, uint64_t now_us) {
    judge_all(s);
    if (s->running && now_us >= s->round_us && stun_survey_deadline(s) == s->round_us) {
        begin_round(s, now_us);
    }
}

/* ---- output */

static bool poll_events(struct stun_survey *s, size_t i, struct stun_survey_output *out) {
    bool *const flags[] = {&s->changed[i], &s->split[i], &s->fell_silent[i]};
    static const enum stun_survey_output_type types[] = {STUN_SURVEY_CHANGED, STUN_SURVEY_DISAGREE, STUN_SURVEY_SILENT};
    for (size_t n = 0; n < sizeof flags / sizeof *flags; n++) {
        if (*flags[n]) {
            *flags[n] = false;
            *out = (struct stun_survey_output){.type = types[n], .finding = &s->findings[i], .before = s->before[i]};
            return true;
        }
    }
    return false;
}

static bool poll_sends(struct stun_survey *s, size_t i, struct stun_survey_output *out, uint64_t now_us) {
    for (size_t n = 0; n < s->server_count; n++) {
        struct stun_probe *p = &s->probes[i][n];
        if (stun_transaction_timeout(&p->transaction, now_us)) {
            *out = (struct stun_survey_output){
                .type = STUN_SURVEY_SEND, .finding = &s->findings[i], .to = p->server, .bytes = s->request};
            out->len = stun_transaction_request(&p->transaction, s->request);
            return true;
        }
    }
    return false;
}

bool stun_survey_poll(struct stun_survey *s, struct stun_survey_output *out, uint64_t now_us) {
    for (unsigned i = 0; s->running && i < s->server_count; i++) {
        if (s->to_resolve[i]) {
            s->to_resolve[i] = false;
            s->resolving[i] = true;
            *out = (struct stun_survey_output){.type = STUN_SURVEY_RESOLVE, .server = i};
            return true;
        }
    }
    for (size_t i = 0; s->running && i < s->local_count; i++) {
        if (poll_sends(s, i, out, now_us)) {
            return true;
        }
    }
    judge_all(s); /* a transaction may have been given up just now */
    for (size_t i = 0; i < s->local_count; i++) {
        if (poll_events(s, i, out)) {
            return true;
        }
    }
    return false;
}
