/** Whoever has confirmed goes on by themselves with what they had filled in; without scripts the button does it. */
const form = document.querySelector("form[data-go-on]");
// A field may be called like the method.
HTMLFormElement.prototype.requestSubmit.call(form);
