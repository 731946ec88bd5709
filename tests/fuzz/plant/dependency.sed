# file: src/proto/rtp/dependency.c
# A template may need any number of frames.
s/if (t->fdiff_count == DEPENDENCY_FDIFFS_MAX)/if (t->fdiff_count == 255)/
