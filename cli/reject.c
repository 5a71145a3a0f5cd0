/* reject.c - `refire reject`: never send deliveries that wait for approval. */
#include "decision.h"

int main(int argc, char **argv)
{
	return decision_main(false, argc, argv);
}
