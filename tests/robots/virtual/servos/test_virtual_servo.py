import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.feetech.registers import REGISTERS
from robots.virtual.servos.servo import Servo
from robots.virtual.servos.table import FACTORY, Table

PERIOD = 0.01  # [s]


class Bench:
    """A servo whose shaft does as it is told, or is held."""

    def __init__(self, position: float = 2000.0, **eeprom: int) -> None:
        self.saved = 0
        self.table = Table({**FACTORY, **eeprom}, self._save)
        self.servo = Servo("elbow_flex", self.table, position)
        self.held = False
        self.load = 0.0  # signed share of stall torque

    def _save(self) -> None:
        self.saved += 1

    def write(self, name: str, value: int) -> None:
        register = REGISTERS[name]
        self.servo.write(register.address, register.encode(value))

    def read(self, name: str) -> int:
        register = REGISTERS[name]
        return register.decode(self.servo.read(register.address, register.size))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / PERIOD)):
            setpoint, share = self.servo.drive(PERIOD)
            before = self.servo.position
            after = before if self.held or share == 0 else setpoint
            load = max(-share, min(share, self.load))
            self.servo.feel(after, (after - before) / PERIOD, load, PERIOD)


def test_the_control_table_out_of_the_box_is_as_documented() -> None:
    bench = Bench()
    expected = {
        "Firmware_Major_Version": 3,
        "Model_Number": 777,
        "ID": 1,
        "Baud_Rate": 0,
        "Response_Status_Level": 1,
        "Min_Position_Limit": 0,
        "Max_Position_Limit": 4095,
        "Max_Temperature_Limit": 70,
        "Min_Voltage_Limit": 40,
        "Max_Torque_Limit": 1000,
        "Phase": 12,
        "Unloading_Condition": 44,
        "LED_Alarm_Condition": 44,
        "P_Coefficient": 32,
        "D_Coefficient": 32,
        "I_Coefficient": 0,
        "CW_Dead_Zone": 1,
        "Protection_Current": 511,
        "Homing_Offset": 0,
        "Operating_Mode": 0,
        "Protective_Torque": 20,
        "Protection_Time": 200,
        "Overload_Torque": 80,
        "Torque_Enable": 0,
        "Acceleration": 0,
        "Torque_Limit": 1000,
        "Lock": 1,
        "Present_Position": 2000,
        "Present_Voltage": 120,
        "Present_Temperature": 25,
        "Moving": 0,
    }
    assert {name: bench.read(name) for name in expected} == expected


@given(st.sampled_from(sorted(REGISTERS)), st.data())
def test_what_is_written_is_read_back_if_it_may_be_written(name: str, data: st.DataObject) -> None:
    register = REGISTERS[name]
    bench, before = Bench(), Bench().read(name)
    value = data.draw(st.integers(register.lowest, register.highest))
    if name == "Torque_Enable" and value == 128:
        value = 1
    bench.write(name, value)
    assert bench.read(name) == (value if register.writable else before)


@given(st.integers(0, 255), st.binary(min_size=1, max_size=60), st.floats(0.01, 0.2))
def test_no_write_upsets_a_servo(address: int, content: bytes, seconds: float) -> None:
    bench = Bench()
    bench.write("Torque_Enable", 1)
    bench.servo.write(address, content[: 256 - address])
    bench.run(seconds)
    bench.servo.read(0, 256)


registers = st.sampled_from([one for one in REGISTERS.values() if one.writable])
writes = registers.flatmap(
    lambda one: st.tuples(st.just(one.name), st.integers(one.lowest, one.highest))
)


@given(st.lists(st.tuples(writes, st.integers(0, 30), st.floats(-1, 1)), max_size=12))
def test_whatever_is_written_a_servo_stays_within_its_means(
    story: list[tuple[tuple[str, int], int, float]],
) -> None:
    bench = Bench()
    for (name, value), ticks, load in story:
        bench.write(name, value)
        bench.load = load
        for _ in range(ticks):
            setpoint, share = bench.servo.drive(PERIOD)
            assert 0 <= share <= (1.0 if bench.servo.torque else 0.0)
            assert abs(setpoint - bench.servo.position) <= bench.servo.top_speed * PERIOD + 1e-6
            bench.run(PERIOD)
        assert bench.read("Status") & ~0b101111 == 0
        bench.servo.read(0, 256)
    bench.servo.boot()
    assert bench.read("Torque_Enable") == 0
    assert bench.read("Torque_Limit") == bench.read("Max_Torque_Limit")


def test_eeprom_writes_outlive_a_power_cycle_only_while_unlocked() -> None:
    bench = Bench()
    bench.write("P_Coefficient", 16)
    assert bench.read("P_Coefficient") == 16
    bench.servo.boot()
    assert bench.read("P_Coefficient") == 32
    assert bench.saved == 0
    bench.write("Lock", 0)
    bench.write("P_Coefficient", 16)
    bench.write("Acceleration", 9)
    bench.servo.boot()
    assert bench.read("P_Coefficient") == 16
    assert bench.read("Lock") == 1
    assert bench.read("Acceleration") == 0
    assert bench.saved == 1


def test_the_torque_limit_comes_from_the_eeprom_at_boot() -> None:
    bench = Bench()
    bench.write("Lock", 0)
    bench.write("Max_Torque_Limit", 500)
    assert bench.read("Torque_Limit") == 1000
    bench.servo.boot()
    assert bench.read("Torque_Limit") == 500


@given(st.floats(0, 4095), st.integers(-2047, 2047))
def test_the_present_position_is_the_shafts_less_the_offset(shaft: float, offset: int) -> None:
    bench = Bench(shaft, Homing_Offset=offset)
    shown = bench.read("Present_Position")
    assert 0 <= shown <= 4095
    assert (shown - (shaft - offset) + 2048) % 4096 - 2048 == pytest.approx(0, abs=0.5)


def test_beyond_a_turn_the_position_wraps_unless_phase_bit_4_is_set() -> None:
    bench = Bench(10.0, Homing_Offset=100)
    assert bench.read("Present_Position") == 4006
    many = Bench(10.0, Homing_Offset=100, Phase=12 | 16)
    assert many.read("Present_Position") == -90
    many.servo.feel(9000.0, 0, 0, PERIOD)
    assert many.read("Present_Position") == 8900
    many.servo.boot()
    assert many.read("Present_Position") == 9000 - 8192 - 100


def test_128_makes_the_present_position_2048_for_good() -> None:
    bench = Bench(2500.0)
    bench.write("Torque_Enable", 128)
    assert bench.read("Present_Position") == 2048
    assert bench.read("Homing_Offset") == 2500 - 2048
    assert bench.read("Torque_Enable") == 0
    bench.servo.boot()
    assert bench.read("Present_Position") == 2048


@given(st.integers(-32767, 32767))
def test_a_goal_beyond_the_limits_stops_at_them(goal: int) -> None:
    bench = Bench(Min_Position_Limit=1500, Max_Position_Limit=2500, Homing_Offset=-7)
    bench.write("Torque_Enable", 1)
    bench.write("Goal_Position", goal)
    bench.run(1.0)
    assert bench.read("Present_Position") == max(1500, min(2500, goal))


def test_the_shaft_moves_only_with_torque_on_and_then_from_where_it_is() -> None:
    bench = Bench()
    bench.write("Goal_Position", 2600)
    assert bench.servo.drive(PERIOD) == (2000.0, 0.0)
    bench.run(0.1)
    assert bench.read("Present_Position") == 2000
    bench.write("Torque_Enable", 1)
    setpoint, share = bench.servo.drive(PERIOD)
    assert share == 1.0
    assert 2000 < setpoint < 2040
    bench.run(1.0)
    assert bench.read("Present_Position") == 2600
    assert bench.read("Moving") == 0


@pytest.mark.parametrize(("velocity", "fastest"), [(0, 3072), (500, 500), (9999, 3072)])
def test_it_turns_no_faster_than_its_goal_velocity_and_itself(velocity: int, fastest: int) -> None:
    bench = Bench(500.0)
    bench.write("Goal_Velocity", velocity)
    bench.write("Torque_Enable", 1)
    bench.write("Goal_Position", 3500)
    bench.run(0.5)
    assert bench.read("Present_Velocity") == pytest.approx(fastest, abs=1)
    assert bench.read("Moving") == 1
    assert bench.read("Present_Position") == pytest.approx(500 + fastest / 2, abs=31)


def test_a_weak_supply_makes_it_slow() -> None:
    bench = Bench(500.0)
    bench.servo.voltage = 6.0
    bench.write("Torque_Enable", 1)
    bench.write("Goal_Position", 3500)
    bench.run(0.5)
    assert bench.read("Present_Velocity") == 1536


@given(st.integers(5, 254), st.integers(0, 4095))
def test_it_accelerates_as_told_and_stops_at_its_goal(acceleration: int, goal: int) -> None:
    bench, rate = Bench(), acceleration * 100.0
    bench.write("Acceleration", acceleration)
    bench.write("Torque_Enable", 1)
    bench.write("Goal_Position", goal)
    speed, turned_back = 0.0, 0.0
    for _ in range(600):
        bench.run(PERIOD)
        now = bench.servo.velocity
        assert abs(now) - abs(speed) <= rate * PERIOD * 1.001
        turned_back = max(turned_back, -now if goal > 2000 else now)
        speed = now
    assert bench.read("Present_Position") == pytest.approx(goal, abs=1)
    assert turned_back <= rate * PERIOD


def test_velocity_mode_turns_on_and_on() -> None:
    bench = Bench(Phase=12 | 16)
    bench.write("Operating_Mode", 1)
    bench.write("Torque_Enable", 1)
    bench.write("Goal_Velocity", -1000)
    bench.run(3.0)
    assert bench.read("Present_Position") == pytest.approx(-1000, abs=15)


def test_step_mode_goes_so_many_steps_from_where_it_is() -> None:
    bench = Bench()
    bench.write("Operating_Mode", 3)
    bench.write("Torque_Enable", 1)
    bench.run(0.1)
    assert bench.read("Present_Position") == 2000
    bench.write("Goal_Position", -300)
    bench.run(0.5)
    assert bench.read("Present_Position") == 1700
    bench.write("Goal_Position", -300)
    bench.run(0.5)
    assert bench.read("Present_Position") == 1400


@pytest.mark.parametrize(("duty", "speed"), [(500, 1536), (500 | 1 << 10, -1536)])
def test_pwm_mode_turns_in_proportion(duty: int, speed: int) -> None:
    bench = Bench()
    bench.write("Operating_Mode", 2)
    bench.write("Torque_Enable", 1)
    bench.write("Goal_Time", duty)
    bench.run(0.1)
    assert bench.read("Present_Velocity") == speed


def overloaded() -> Bench:
    """A servo that has pushed against something that it could not move."""
    bench = Bench()
    bench.held, bench.load = True, 0.9
    bench.write("Torque_Enable", 1)
    bench.write("Goal_Position", 2500)
    bench.run(1.9)
    assert bench.read("Status") == 0
    assert bench.read("Present_Load") == 900
    bench.run(0.2)
    return bench


def test_an_overload_lasts_and_lowers_the_torque() -> None:
    bench = overloaded()
    assert bench.read("Status") == 32
    assert bench.servo.drive(PERIOD)[1] == pytest.approx(0.2)
    bench.run(1.0)
    assert bench.read("Status") == 32
    assert bench.read("Present_Load") == 200


def test_an_overload_ends_with_torque_off_and_on() -> None:
    bench = overloaded()
    bench.write("Torque_Enable", 1)
    assert bench.read("Status") == 32
    bench.write("Torque_Enable", 0)
    assert bench.read("Status") == 0
    bench.write("Torque_Enable", 1)
    assert bench.servo.drive(PERIOD)[1] == 1.0


def test_an_overload_ends_with_a_goal_that_takes_the_load_off() -> None:
    bench = overloaded()
    bench.write("Goal_Position", 2400)
    assert bench.read("Status") == 32
    bench.write("Goal_Position", 1990)
    assert bench.read("Status") == 0


def test_a_short_push_is_no_overload() -> None:
    bench = Bench()
    bench.held, bench.load = True, -1.0
    bench.write("Torque_Enable", 1)
    for _ in range(5):
        bench.load = -1.0
        bench.run(1.5)
        bench.load = -0.5
        bench.run(0.1)
    assert bench.read("Status") == 0
    assert bench.read("Present_Load") == -500


def test_heat_switches_the_torque_off() -> None:
    bench = Bench()
    bench.write("Torque_Enable", 1)
    bench.servo.temperature = 72.0
    bench.run(0.1)
    assert bench.read("Status") == 4
    assert bench.read("Torque_Enable") == 0
    assert bench.read("Present_Temperature") == 72


def test_work_warms_it_up() -> None:
    bench = Bench()
    bench.held, bench.load = True, 0.7
    bench.write("Torque_Enable", 1)
    bench.run(60.0)
    assert 28 < bench.read("Present_Temperature") < 45


def test_too_much_current_switches_the_torque_off_until_it_is_switched_on_again() -> None:
    bench = Bench(Protection_Current=250, Overload_Torque=100)  # 1.6 A
    bench.held, bench.load = True, 1.0
    bench.write("Torque_Enable", 1)
    bench.run(1.9)
    assert bench.read("Present_Current") == pytest.approx(415, abs=1)  # 2.7 A
    assert bench.read("Status") == 0
    bench.run(0.2)
    assert bench.read("Status") == 8
    assert bench.read("Torque_Enable") == 0
    bench.write("Torque_Enable", 1)
    assert bench.read("Status") == 0


@pytest.mark.parametrize(("volts", "bits"), [(12.0, 0), (3.9, 1), (4.0, 0), (14.2, 1)])
def test_a_wrong_voltage_shows_and_nothing_more(volts: float, bits: int) -> None:
    bench = Bench()
    bench.write("Torque_Enable", 1)
    bench.servo.voltage = volts
    bench.run(0.1)
    assert bench.read("Status") == bits
    assert bench.read("Torque_Enable") == 1
    assert bench.read("Present_Voltage") == round(volts * 10)


def test_a_mask_of_nothing_protects_from_nothing() -> None:
    bench = Bench(Unloading_Condition=0)
    bench.held, bench.load = True, 1.0
    bench.write("Torque_Enable", 1)
    bench.run(3.0)
    assert bench.read("Status") == 0


def test_a_reset_keeps_only_the_id() -> None:
    bench = Bench(ID=5, P_Coefficient=16)
    bench.servo.reset()
    assert bench.read("ID") == 5
    assert bench.read("P_Coefficient") == 32
