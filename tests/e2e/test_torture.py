"""The long forms (make torture): many kills, many rounds.
run: torture timeout=14400"""
import os

os.environ["TORTURE"] = "1"     # read when these are imported

import harness  # noqa: E402
from test_client_death import test_a_client_dies  # noqa: E402,F401
from test_clock import (test_jumps_between_passes,  # noqa: E402,F401
                        test_jumps_under_a_resident)
from test_faults import (test_a_read_that_fails_is_no_damage,  # noqa: E402,F401
                         test_fire, test_first_send, test_list,
                         test_poll, test_resident, test_retry, test_send)
from test_kill import test_kill_9_at_any_moment  # noqa: E402,F401
from test_kill_calls import (test_killed_at_every_call,  # noqa: E402,F401
                             test_killed_at_every_effect, test_killed_while_state_is_made)
from test_outage import test_a_day  # noqa: E402,F401
from test_power_cut import test_power_cuts  # noqa: E402,F401
from test_trail_seal import test_mutations  # noqa: E402,F401
from test_wakeup import (test_hook_against_an_ending_sender,  # noqa: E402,F401
                         test_retry_against_an_ending_sender, test_with_its_start)

if __name__ == "__main__":
    harness.main()
