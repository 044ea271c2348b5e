#include "rocket.h"
#include <stdio.h>

int main(void)
{
    const struct stage stages[] = {
        { "booster", 26000, 395000, 2770 },
        { "upper", 4000, 107000, 3410 },
    };

    print_stages(stages, 2);
    printf("%.0f m/s\n", delta_v(&stages[0], 22800) + delta_v(&stages[1], 22800));
    return land(stages);
}
