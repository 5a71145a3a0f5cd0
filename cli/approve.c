/* approve.c - `refire approve`: let deliveries go that wait for it. */
#include "decision.h"

int main(int argc, char **argv)
{
	return decision_main(true, argc, argv);
}
