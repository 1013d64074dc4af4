// A violation on purpose: a function of a module that is not linked, declared by hand.
namespace drumline {

int gateway_of_nobody();

int use_what_is_not_ours() {
  return gateway_of_nobody();
}

}  // namespace drumline
