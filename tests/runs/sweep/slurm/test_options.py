"""What Slurm is asked for."""

import pytest

from runs.config import ConfigError
from runs.sweep.slurm import SlurmOptions


def parameters(workers=4, threads=1, environment=None, **options):
    return SlurmOptions(**options).parameters("lava-dt-x", workers, threads, environment or {})


def test_a_worker_has_as_many_cores_as_threads_unless_told_otherwise():
    assert parameters(threads=3)["cpus_per_task"] == 3
    assert parameters(threads=3, cpus=8)["cpus_per_task"] == 8


def test_the_task_itself_is_told_its_cores_too_for_srun_does_not_ask_sbatch():
    assert "--cpus-per-task=8" in parameters(threads=3, cpus=8)["srun_args"]


def test_limits_partition_and_memory_are_passed_on():
    made = parameters(partition="long", minutes=30, memory=2.5, warning=60)
    assert (made["partition"], made["time"], made["mem"], made["signal_delay_s"]) == ("long", 30, "2560M", 60)


def test_partition_and_memory_are_the_clusters_default_where_nothing_is_said():
    made = parameters()
    assert "partition" not in made and "mem" not in made


def test_all_workers_may_run_at_once_unless_told_otherwise():
    assert parameters(workers=6)["array_parallelism"] == 6
    assert parameters(workers=6, at_once=2)["array_parallelism"] == 2
    assert parameters(workers=2, at_once=6)["array_parallelism"] == 2


def test_jobs_may_be_queued_again_whatever_the_cluster_is_used_to():
    assert parameters()["additional_parameters"] == {"requeue": True}


def test_more_options_of_sbatch_are_passed_on():
    extra = parameters(options=("account=abc", "--exclusive", "gpus-per-node=1"))["additional_parameters"]
    assert extra == {"requeue": True, "account": "abc", "exclusive": True, "gpus-per-node": "1"}


def test_variables_are_set_before_anything_is_imported_and_the_users_lines_see_them():
    made = parameters(environment={"OMP_NUM_THREADS": "2", "SAID": "two words"}, setup=("module load python",))
    assert made["setup"] == ["export OMP_NUM_THREADS=2", "export SAID='two words'", "module load python"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"partition": " "}, "--slurm-partition is empty: name a partition, or leave it out"),
        ({"minutes": 2}, "--slurm-minutes is 2, but Slurm warns a worker 90 s before its limit.*at least 3 minutes"),
        ({"minutes": 0}, "--slurm-minutes is 0.*at least 3 minutes"),
        ({"warning": 0}, "at least 1 minute"),
        ({"cpus": 0}, "--slurm-cpus is 0: give 1 or more"),
        ({"requeues": -1}, "--slurm-requeues is -1: give 0 or more"),
        ({"at_once": 0}, "--slurm-at-once is 0: give 1 or more"),
        ({"memory": 0.0}, "--slurm-memory is 0: give the gigabytes a worker may use"),
        ({"poll": 0.0}, "cannot be asked every 0 s"),
        ({"options": ("account = abc",)}, "'account = abc': write an option of sbatch as account=abc"),
        ({"options": ("account=",)}, "'account=': write an option of sbatch as account=abc"),
        ({"options": ("--time=5",)}, "'--time=5': use --slurm-minutes instead"),
        ({"options": ("cpus_per_task=5",)}, "use --slurm-cpus instead"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        SlurmOptions(**options)


def test_fewer_cores_than_threads_are_refused():
    with pytest.raises(ConfigError, match="--threads is 4, but --slurm-cpus gives a worker 2 cores"):
        parameters(threads=4, cpus=2)
