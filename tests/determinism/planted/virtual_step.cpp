// Caught as: a step reaches operator new(unsigned long): allocator:
// drumline::planted::PlantedRules::on_something_new
namespace drumline::planted {

class PlantedRules {
 public:
  virtual ~PlantedRules() = default;
  virtual void on_create();
  virtual void on_something_new();

 private:
  int* memory_ = nullptr;
};

// Not in a step: it may.
void PlantedRules::on_create() {
  memory_ = new int;
}

void PlantedRules::on_something_new() {
  memory_ = new int;
}

}  // namespace drumline::planted
