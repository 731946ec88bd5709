/* The trend of one-way delay (draft-ietf-rmcat-gcc-02 sections 5.1 to 5.4): packets in groups of 5 ms, the slope of
 * their smoothed delay by least squares, an adaptive threshold. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum bwe_usage { BWE_NORMAL, BWE_UNDERUSE, BWE_OVERUSE };

enum { BWE_TREND_POINTS = 20 };

struct bwe_group {
    int64_t first_send_us, last_send_us;
    int64_t first_arrival_us, last_arrival_us;
    bool used;
};

struct bwe_trend {
    struct bwe_group group, before;
    struct {
        double time_ms, delay_ms;
    } points[BWE_TREND_POINTS];
    unsigned count; /* groups compared, up to 60 */
    unsigned next;  /* place of the next point */
    int64_t origin_us;
    double accumulated_ms, smoothed_ms;
    double threshold_ms;
    double trend_before;
    double over_ms; /* how long it has been above the threshold */
    int64_t judged_us;
    enum bwe_usage usage;
};

void bwe_trend_init(struct bwe_trend *t);
/* The next packet in the order of sending. */
void bwe_trend_add(struct bwe_trend *t, int64_t send_us, int64_t arrival_us);
